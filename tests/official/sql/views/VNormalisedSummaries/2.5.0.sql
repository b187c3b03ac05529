CREATE VIEW VNormalisedSummaries AS
SELECT
    n.UpdateTime,
    site.name AS Site,
    n.Month,
    n.Year,
    user.name AS GlobalUserName,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    host.name AS SubmitHost,
    n.Infrastructure,
    n.InfrastructureDescription,
    n.ServiceLevelType,
    n.NodeCount,
    n.Processors,
    n.EarliestEndTime,
    n.LatestEndTime,
    n.WallDuration,
    n.CpuDuration,
    n.NormalisedWallDuration,
    n.NormalisedCpuDuration,
    n.NumberOfJobs
FROM NormalisedSummaries AS n
INNER JOIN Sites AS site ON site.id = n.SiteID
INNER JOIN DNs AS user ON user.id = n.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = n.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = n.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = n.VORoleID
INNER JOIN SubmitHosts AS host ON host.id = n.SubmitHostId
