CREATE PROCEDURE CopyNormalisedSummaries ()
BEGIN
    -- The level is left to its default: a normalised summary names a benchmark, but no level.
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
        n.SiteID,
        n.Month,
        n.Year,
        n.GlobalUserNameID,
        n.VOID,
        n.VOGroupID,
        n.VORoleID,
        n.SubmitHostId,
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
    FROM NormalisedSummaries AS n;
END
