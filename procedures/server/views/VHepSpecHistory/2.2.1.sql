CREATE VIEW VHepSpecHistory AS
SELECT
    site.name AS Site,
    IF(h.ServiceLevelType = 'HEPSPEC', h.ServiceLevel, h.ServiceLevel / 250) AS HepSpec06,
    SUM(h.NumberOfJobs) AS NumberOfJobs,
    h.Year,
    h.Month,
    DATE(MIN(h.EarliestEndTime)) AS EarliestEndDate,
    DATE(MAX(h.LatestEndTime)) AS LatestEndDate
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
-- A copied normalised summary has no type, hence no level to show.
WHERE h.ServiceLevelType <> ''
GROUP BY
    h.SiteID,
    HepSpec06,
    h.Year,
    h.Month
