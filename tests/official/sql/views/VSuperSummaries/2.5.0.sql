CREATE VIEW VSuperSummaries AS
SELECT
    h.UpdateTime,
    site.name AS Site,
    h.Month,
    h.Year,
    user.name AS GlobalUserName,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    host.name AS SubmitHost,
    h.Infrastructure AS InfrastructureType,
    h.InfrastructureDescription,
    h.ServiceLevelType,
    h.ServiceLevel,
    h.NodeCount,
    h.Processors,
    h.EarliestEndTime,
    h.LatestEndTime,
    h.WallDuration,
    h.CpuDuration,
    h.NumberOfJobs
FROM HybridSuperSummaries AS h
INNER JOIN Sites AS site ON site.id = h.SiteID
INNER JOIN DNs AS user ON user.id = h.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = h.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = h.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = h.VORoleID
INNER JOIN SubmitHosts AS host ON host.id = h.SubmitHostId
