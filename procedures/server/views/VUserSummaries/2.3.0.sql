CREATE VIEW VUserSummaries AS
SELECT
    h.Year,
    h.Month,
    site.name AS Site,
    vo.name AS VO,
    user.name AS GlobalUserName,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    -- Totals in seconds, but normalised figures in hours; four digits, so that div_precision_increment is nothing.
    SUM(h.WallDuration) AS TotalWallDuration,
    SUM(h.CpuDuration) AS TotalCpuDuration,
    ROUND(CAST(SUM(h.NormalisedWallDuration) AS DECIMAL(46,4)) / 3600, 2) AS NormalisedWallDuration,
    ROUND(CAST(SUM(h.NormalisedCpuDuration) AS DECIMAL(46,4)) / 3600, 2) AS NormalisedCpuDuration,
    SUM(h.NumberOfJobs) AS TotalNumberOfJobs,
    MIN(h.EarliestEndTime) AS EarliestEndTime,
    MAX(h.LatestEndTime) AS LatestEndTime
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
INNER JOIN DNs AS user ON user.id = h.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = h.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = h.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = h.VORoleID
-- By the names too, although the ids decide: MariaDB's ONLY_FULL_GROUP_BY knows no functional dependency.
GROUP BY
    h.SiteID,
    h.VOID,
    h.GlobalUserNameID,
    h.VOGroupID,
    h.VORoleID,
    h.Year,
    h.Month,
    site.name,
    vo.name,
    user.name,
    vogroup.name,
    vorole.name
