CREATE VIEW VNormalisedSuperSummaries AS
SELECT
    MAX(h.UpdateTime) AS UpdateTime,
    site.name AS Site,
    h.Month,
    h.Year,
    user.name AS GlobalUserName,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    host.name AS SubmitHost,
    h.Infrastructure,
    -- The greatest by code points: two that a collation holds to be equal would depend on the order.
    CONVERT(
        MAX(CONVERT(h.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin)
        USING utf8mb4
    ) AS InfrastructureDescription,
    h.ServiceLevelType,
    h.NodeCount,
    h.Processors,
    MIN(h.EarliestEndTime) AS EarliestEndTime,
    MAX(h.LatestEndTime) AS LatestEndTime,
    SUM(h.WallDuration) AS WallDuration,
    SUM(h.CpuDuration) AS CpuDuration,
    SUM(h.NormalisedWallDuration) AS NormalisedWallDuration,
    SUM(h.NormalisedCpuDuration) AS NormalisedCpuDuration,
    SUM(h.NumberOfJobs) AS NumberOfJobs
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
INNER JOIN DNs AS user ON user.id = h.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = h.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = h.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = h.VORoleID
INNER JOIN SubmitHosts AS host ON host.id = h.SubmitHostId
-- By the names too, although the ids decide: MariaDB's ONLY_FULL_GROUP_BY knows no functional dependency.
GROUP BY
    h.SiteID,
    h.Month,
    h.Year,
    h.GlobalUserNameID,
    h.VOID,
    h.VORoleID,
    h.VOGroupID,
    h.SubmitHostId,
    h.Infrastructure,
    h.ServiceLevelType,
    h.NodeCount,
    h.Processors,
    site.name,
    user.name,
    vo.name,
    vogroup.name,
    vorole.name,
    host.name
