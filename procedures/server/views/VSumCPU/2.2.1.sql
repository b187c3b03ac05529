CREATE VIEW VSumCPU AS
SELECT
    site.name AS ExecutingSite,
    vo.name AS LCGUserVO,
    CAST(SUM(h.NumberOfJobs) AS UNSIGNED) AS Njobs,
    ROUND(SUM(h.CpuDuration) / 3600) AS SumCPU,
    -- A quarter, because the portal counts in kSI2K hours: 1 kSI2K is 4 HS06.
    ROUND(SUM(h.NormalisedCpuDuration / 4 / 3600)) AS NormSumCPU,
    ROUND(SUM(h.WallDuration) / 3600) AS SumWCT,
    ROUND(SUM(h.NormalisedWallDuration / 4 / 3600)) AS NormSumWCT,
    h.Month,
    h.Year,
    DATE(MIN(h.EarliestEndTime)) AS RecordStart,
    DATE(MAX(h.LatestEndTime)) AS RecordEnd
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
INNER JOIN VOs AS vo ON vo.id = h.VOID
WHERE h.NumberOfJobs > 0
GROUP BY
    site.name,
    vo.name,
    h.Month,
    h.Year
