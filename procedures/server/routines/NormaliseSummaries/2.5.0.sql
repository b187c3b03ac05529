CREATE PROCEDURE NormaliseSummaries ()
BEGIN
    BEGIN
        -- So that loaders need not wait for what is read here, nor lose messages to a deadlock: REPLACE ... SELECT
        -- locks what it reads at REPEATABLE READ. For this transaction alone; where one is open already (1568) it
        -- stays as it is. InnoDB refuses to write at READ COMMITTED to a binary log of statements.
        DECLARE CONTINUE HANDLER FOR 1568
        BEGIN
        END;

        IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        END IF;
    END;

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
        IF(
            LOWER(TRIM(IFNULL(s.InfrastructureType, ''))) IN ('', 'none', 'null'),
            'None',
            s.InfrastructureType
        ),
        IF(
            n.InfrastructureDescription IS NULL
                OR CONVERT(s.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin
                    > CONVERT(n.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin,
            s.InfrastructureDescription,
            n.InfrastructureDescription
        ),
        s.ServiceLevelType,
        s.ServiceLevel,
        s.NodeCount,
        s.Processors,
        IF(
            n.SiteID IS NULL,
            s.EarliestEndTime,
            COALESCE(LEAST(s.EarliestEndTime, n.EarliestEndTime), s.EarliestEndTime, n.EarliestEndTime)
        ),
        IF(
            n.SiteID IS NULL,
            s.LatestEndTime,
            COALESCE(GREATEST(s.LatestEndTime, n.LatestEndTime), s.LatestEndTime, n.LatestEndTime)
        ),
        IF(
            n.SiteID IS NULL
                OR (s.NumberOfJobs, s.WallDuration, s.CpuDuration, s.EarliestEndTime, s.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            s.WallDuration,
            IF(
                n.WallDuration > 18446744073709551615 - s.WallDuration,
                18446744073709551615,
                s.WallDuration + n.WallDuration
            )
        ),
        IF(
            n.SiteID IS NULL
                OR (s.NumberOfJobs, s.WallDuration, s.CpuDuration, s.EarliestEndTime, s.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            s.CpuDuration,
            IF(
                n.CpuDuration > 18446744073709551615 - s.CpuDuration,
                18446744073709551615,
                s.CpuDuration + n.CpuDuration
            )
        ),
        -- 0.004 is 1/250, exact whatever div_precision_increment says.
        LEAST(GREATEST(ROUND(
            s.WallDuration
                * IF(LOWER(s.ServiceLevelType) {{ keeps_old_factor }}, s.ServiceLevel * 0.004, s.ServiceLevel)
        ), 0) + IFNULL(n.NormalisedWallDuration, 0), 18446744073709551615),
        LEAST(GREATEST(ROUND(
            s.CpuDuration
                * IF(LOWER(s.ServiceLevelType) {{ keeps_old_factor }}, s.ServiceLevel * 0.004, s.ServiceLevel)
        ), 0) + IFNULL(n.NormalisedCpuDuration, 0), 18446744073709551615),
        IF(
            n.SiteID IS NULL
                OR (s.NumberOfJobs, s.WallDuration, s.CpuDuration, s.EarliestEndTime, s.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            s.NumberOfJobs,
            IF(
                n.NumberOfJobs > 18446744073709551615 - s.NumberOfJobs,
                18446744073709551615,
                s.NumberOfJobs + n.NumberOfJobs
            )
        )
    FROM Summaries AS s
    -- A summary of level 0 may share its key with the copy of a normalised summary: the sum of both, as
    -- CopyNormalisedSummaries writes it too, or once where all figures are the same (one month by two
    -- routes).
    LEFT JOIN NormalisedSummaries AS n ON s.ServiceLevel = 0
        AND n.SiteID = s.SiteID
        AND n.Month = s.Month
        AND n.Year = s.Year
        AND n.GlobalUserNameID = s.GlobalUserNameID
        AND n.VOID = s.VOID
        AND n.VORoleID = s.VORoleID
        AND n.VOGroupID = s.VOGroupID
        AND n.SubmitHostId = s.SubmitHostId
        AND n.NodeCount = s.NodeCount
        AND n.Processors = s.Processors
        AND IF(LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'), '', LOWER(TRIM(n.ServiceLevelType)))
            = s.ServiceLevelType
        AND IF(LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'), 'None', n.Infrastructure)
            = IF(
                LOWER(TRIM(IFNULL(s.InfrastructureType, ''))) IN ('', 'none', 'null'),
                'None',
                s.InfrastructureType
            );
END
