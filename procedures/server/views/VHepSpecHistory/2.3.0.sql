CREATE VIEW VHepSpecHistory AS
SELECT
    site.name AS Site,
    h.HepSpec06,
    SUM(h.NumberOfJobs) AS NumberOfJobs,
    h.Year,
    h.Month,
    DATE(MIN(h.EarliestEndTime)) AS EarliestEndDate,
    DATE(MAX(h.LatestEndTime)) AS LatestEndDate
FROM (
    SELECT
        one.SiteID,
        one.Year,
        one.Month,
        -- 0.004 is 1/250, exact whatever div_precision_increment says.
        CAST(
            IF(LOWER(one.ServiceLevelType) = 'si2k', one.ServiceLevel * 0.004, one.ServiceLevel)
            AS DECIMAL(14,7)
        ) AS HepSpec06,
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
    h.HepSpec06,
    h.Year,
    h.Month
