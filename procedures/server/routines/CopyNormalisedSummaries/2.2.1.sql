CREATE PROCEDURE CopyNormalisedSummaries ()
BEGIN
    -- Type and level are left to their defaults: a normalised summary names no benchmark.
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
