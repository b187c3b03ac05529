CREATE VIEW VSpecIntHistory AS
SELECT
    site.name AS ExecutingSite,
    CAST(IF(h.ServiceLevelType = 'HEPSPEC', h.ServiceLevel * 250, h.ServiceLevel) AS UNSIGNED) AS SpecInt2000,
    CAST(SUM(h.NumberOfJobs) AS UNSIGNED) AS Njobs,
    h.Month,
    h.Year,
    DATE(MIN(h.EarliestEndTime)) AS RecordStart,
    DATE(MAX(h.LatestEndTime)) AS RecordEnd
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
-- A copied normalised summary has no type, hence no level to show.
WHERE h.ServiceLevelType <> ''
GROUP BY
    h.SiteID,
    SpecInt2000,
    h.Year,
    h.Month
