CREATE VIEW VSummaries AS
SELECT
    s.UpdateTime,
    site.name AS Site,
    s.Month,
    s.Year,
    user.name AS GlobalUserName,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    host.name AS SubmitHost,
    s.InfrastructureType,
    s.InfrastructureDescription,
    s.ServiceLevelType,
    s.ServiceLevel,
    s.NodeCount,
    s.Processors,
    s.EarliestEndTime,
    s.LatestEndTime,
    s.WallDuration,
    s.CpuDuration,
    s.NumberOfJobs
FROM Summaries AS s
INNER JOIN Sites AS site ON site.id = s.SiteID
INNER JOIN DNs AS user ON user.id = s.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = s.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = s.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = s.VORoleID
INNER JOIN SubmitHosts AS host ON host.id = s.SubmitHostId
