CREATE VIEW VNormalisedSuperSummaries AS
SELECT
    -- Time, ends and jobs of any one row of the group, as the engine pleases.
    h.UpdateTime,
    site.name AS Site,
    h.Month,
    h.Year,
    user.name AS GlobalUserName,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    host.name AS SubmitHost,
    h.Infrastructure,
    h.NodeCount,
    h.Processors,
    h.EarliestEndTime,
    h.LatestEndTime,
    SUM(h.WallDuration) AS WallDuration,
    SUM(h.CpuDuration) AS CpuDuration,
    SUM(h.NormalisedWallDuration) AS NormalisedWallDuration,
    SUM(h.NormalisedCpuDuration) AS NormalisedCpuDuration,
    h.NumberOfJobs
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
INNER JOIN DNs AS user ON user.id = h.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = h.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = h.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = h.VORoleID
INNER JOIN SubmitHosts AS host ON host.id = h.SubmitHostId
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
    h.NodeCount,
    h.Processors
