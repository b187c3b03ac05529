CREATE PROCEDURE NormaliseSummaries ()
BEGIN
    REPLACE INTO HybridSuperSummaries (
        SiteID,
        Month,
        Year,
        GlobalUserNameID,
        VOID,
        VOGroupID,
        VORoleID,
        SubmitHostId,
        Infrastructure,
        InfrastructureDescription,
        ServiceLevelType,
        ServiceLevel,
        NodeCount,
        Processors,
        EarliestEndTime,
        LatestEndTime,
        WallDuration,
        CpuDuration,
        NormalisedWallDuration,
        NormalisedCpuDuration,
        NumberOfJobs
    )
    SELECT
        s.SiteID,
        s.Month,
        s.Year,
        s.GlobalUserNameID,
        s.VOID,
        s.VOGroupID,
        s.VORoleID,
        s.SubmitHostId,
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
        -- 0.004 is 1/250, exact whatever div_precision_increment says.
        ROUND(s.WallDuration * IF(s.ServiceLevelType = 'si2k', s.ServiceLevel * 0.004, s.ServiceLevel)),
        ROUND(s.CpuDuration * IF(s.ServiceLevelType = 'si2k', s.ServiceLevel * 0.004, s.ServiceLevel)),
        s.NumberOfJobs
    FROM Summaries AS s;
END
