CREATE VIEW VJobRecords AS
SELECT
    j.UpdateTime,
    site.name AS Site,
    host.name AS SubmitHost,
    machine.name AS MachineName,
    queue.name AS Queue,
    j.LocalJobId,
    j.LocalUserId,
    user.name AS GlobalUserName,
    j.FQAN,
    vo.name AS VO,
    vogroup.name AS VOGroup,
    vorole.name AS VORole,
    j.WallDuration,
    j.CpuDuration,
    j.Processors,
    j.NodeCount,
    j.StartTime,
    j.EndTime,
    j.InfrastructureDescription,
    j.InfrastructureType,
    j.MemoryReal,
    j.MemoryVirtual,
    j.ServiceLevelType,
    j.ServiceLevel
FROM JobRecords AS j
INNER JOIN Sites AS site ON site.id = j.SiteID
INNER JOIN SubmitHosts AS host ON host.id = j.SubmitHostID
INNER JOIN MachineNames AS machine ON machine.id = j.MachineNameID
INNER JOIN Queues AS queue ON queue.id = j.QueueID
INNER JOIN DNs AS user ON user.id = j.GlobalUserNameID
INNER JOIN VOs AS vo ON vo.id = j.VOID
INNER JOIN VOGroups AS vogroup ON vogroup.id = j.VOGroupID
INNER JOIN VORoles AS vorole ON vorole.id = j.VORoleID
