CREATE PROCEDURE SummariseJobs ()
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
        j.SiteID,
        j.EndMonth,
        j.EndYear,
        j.GlobalUserNameID,
        j.VOID,
        j.VOGroupID,
        j.VORoleID,
        j.SubmitHostID,
        j.InfrastructureType,
        -- Not grouped by: that of any one job of the group, as the engine pleases.
        j.InfrastructureDescription,
        j.ServiceLevelType,
        j.ServiceLevel,
        j.NodeCount,
        j.Processors,
        MIN(j.EndTime),
        MAX(j.EndTime),
        SUM(j.WallDuration),
        SUM(j.CpuDuration),
        -- Rounded once, after the sum. 0.004 is 1/250, exact whatever div_precision_increment says.
        ROUND(IFNULL(SUM(
            j.WallDuration * IF(j.ServiceLevelType = 'si2k', j.ServiceLevel * 0.004, j.ServiceLevel)
        ), 0)),
        ROUND(IFNULL(SUM(
            j.CpuDuration * IF(j.ServiceLevelType = 'si2k', j.ServiceLevel * 0.004, j.ServiceLevel)
        ), 0)),
        COUNT(*)
    FROM JobRecords AS j
    -- The order of SummaryIdx, which then serves the groups one after the other.
    GROUP BY
        j.SiteID,
        j.VOID,
        j.GlobalUserNameID,
        j.VOGroupID,
        j.VORoleID,
        j.EndYear,
        j.EndMonth,
        j.InfrastructureType,
        j.SubmitHostID,
        j.ServiceLevelType,
        j.ServiceLevel,
        j.NodeCount,
        j.Processors;
END
