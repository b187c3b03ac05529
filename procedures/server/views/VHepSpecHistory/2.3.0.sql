CREATE VIEW VHepSpecHistory AS
SELECT
    site.name AS Site,
    -- 0.004 is 1/250, exact whatever div_precision_increment says.
    CAST(IF(LOWER(h.ServiceLevelType) = 'si2k', h.ServiceLevel * 0.004, h.ServiceLevel) AS DECIMAL(14,7)) AS HepSpec06,
    SUM(h.NumberOfJobs) AS NumberOfJobs,
    h.Year,
    h.Month,
    DATE(MIN(h.EarliestEndTime)) AS EarliestEndDate,
    DATE(MAX(h.LatestEndTime)) AS LatestEndDate
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
-- A copied normalised summary has no level, whatever type it names.
WHERE h.ServiceLevel <> 0
GROUP BY
    h.SiteID,
    site.name,
    HepSpec06,
    h.Year,
    h.Month
