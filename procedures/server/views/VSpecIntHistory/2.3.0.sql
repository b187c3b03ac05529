CREATE VIEW VSpecIntHistory AS
SELECT
    site.name AS ExecutingSite,
    h.SpecInt2000,
    CAST(SUM(h.NumberOfJobs) AS UNSIGNED) AS Njobs,
    h.Month,
    h.Year,
    DATE(MIN(h.EarliestEndTime)) AS RecordStart,
    DATE(MAX(h.LatestEndTime)) AS RecordEnd
FROM (
    SELECT
        one.SiteID,
        one.Year,
        one.Month,
        CAST(
            IF(LOWER(one.ServiceLevelType) = 'si2k', one.ServiceLevel, one.ServiceLevel * 250)
            AS UNSIGNED
        ) AS SpecInt2000,
        one.NumberOfJobs,
        one.EarliestEndTime,
        one.LatestEndTime
    FROM HybridSuperSummaries AS one
    -- A copied normalised summary has no level, whatever type it names.
    WHERE one.ServiceLevel <> 0
) AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
GROUP BY
    h.SiteID,
    site.name,
    h.SpecInt2000,
    h.Year,
    h.Month
