CREATE PROCEDURE SummariseJobs ()
BEGIN
    DECLARE mustFold BOOLEAN DEFAULT FALSE;

    BEGIN
        -- So that loaders need not wait for what is read here, nor lose messages to a deadlock: INSERT ... SELECT
        -- locks what it reads at REPEATABLE READ. For this transaction alone; where one is open already (1568) it
        -- stays as it is. InnoDB refuses to write at READ COMMITTED to a binary log of statements.
        DECLARE CONTINUE HANDLER FOR 1568
        BEGIN
        END;

        IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        END IF;
    END;

    BEGIN
        -- Only a NULL infrastructure, year or month of a group can bring these, by plan one or the other.
        DECLARE CONTINUE HANDLER FOR 1048, 1265 SET mustFold = TRUE;

        -- By the bare columns, in the order of SummaryIdx, which then serves the groups one after the other.
        -- 'None' in any other spelling becomes NULL here: two such groups may be one, so the statement
        -- fails as a whole and the next one does all the work. That costs nothing where there are none.
        -- A row that stands as it would be written is not written: VALUES(), because MariaDB 10.5 has nothing else.
        INSERT INTO HybridSuperSummaries (
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
            CASE
                WHEN j.InfrastructureType = 'None' THEN 'None'
                WHEN LOWER(TRIM(j.InfrastructureType)) IN ('', 'none', 'null') THEN NULL
                ELSE j.InfrastructureType
            END,
            -- The greatest by code points: two that a collation holds to be equal would depend on the order.
            MAX(CONVERT(j.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin),
            j.ServiceLevelType,
            j.ServiceLevel,
            LEAST(j.NodeCount, 2147483647),
            LEAST(j.Processors, 2147483647),
            MIN(j.EndTime),
            MAX(j.EndTime),
            LEAST(IFNULL(SUM(j.WallDuration), 0), 18446744073709551615),
            LEAST(IFNULL(SUM(j.CpuDuration), 0), 18446744073709551615),
            -- Rounded once, after the sum. 0.004 is 1/250, exact whatever div_precision_increment says.
            LEAST(GREATEST(ROUND(
                IFNULL(SUM(j.WallDuration), 0)
                    * IF(LOWER(j.ServiceLevelType) {{ keeps_old_factor }}, j.ServiceLevel * 0.004, j.ServiceLevel)
            ), 0), 18446744073709551615),
            LEAST(GREATEST(ROUND(
                IFNULL(SUM(j.CpuDuration), 0)
                    * IF(LOWER(j.ServiceLevelType) {{ keeps_old_factor }}, j.ServiceLevel * 0.004, j.ServiceLevel)
            ), 0), 18446744073709551615),
            COUNT(*)
        FROM JobRecords AS j
        WHERE j.ServiceLevel <> 0
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
            j.Processors
        ON DUPLICATE KEY UPDATE
            Infrastructure = VALUES(Infrastructure),
            InfrastructureDescription = VALUES(InfrastructureDescription),
            ServiceLevelType = VALUES(ServiceLevelType),
            EarliestEndTime = VALUES(EarliestEndTime),
            LatestEndTime = VALUES(LatestEndTime),
            WallDuration = VALUES(WallDuration),
            CpuDuration = VALUES(CpuDuration),
            NormalisedWallDuration = VALUES(NormalisedWallDuration),
            NormalisedCpuDuration = VALUES(NormalisedCpuDuration),
            NumberOfJobs = VALUES(NumberOfJobs);
    END;

    BEGIN
        -- As above, for a caller in autocommit, where each statement is a transaction.
        DECLARE CONTINUE HANDLER FOR 1568
        BEGIN
        END;

        IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        END IF;
    END;

    -- Jobs of level 0, and all of them where any infrastructure, year or month has to be made out first.
    INSERT INTO HybridSuperSummaries (
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
        g.SiteID,
        g.Month,
        g.Year,
        g.GlobalUserNameID,
        g.VOID,
        g.VOGroupID,
        g.VORoleID,
        g.SubmitHostId,
        g.Infrastructure,
        IF(
            n.InfrastructureDescription IS NULL
                OR CONVERT(g.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin
                    > CONVERT(n.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin,
            g.InfrastructureDescription,
            CONVERT(n.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin
        ),
        g.ServiceLevelType,
        g.ServiceLevel,
        g.NodeCount,
        g.Processors,
        IF(
            n.SiteID IS NULL,
            g.EarliestEndTime,
            COALESCE(LEAST(g.EarliestEndTime, n.EarliestEndTime), g.EarliestEndTime, n.EarliestEndTime)
        ),
        IF(
            n.SiteID IS NULL,
            g.LatestEndTime,
            COALESCE(GREATEST(g.LatestEndTime, n.LatestEndTime), g.LatestEndTime, n.LatestEndTime)
        ),
        IF(
            n.SiteID IS NULL
                OR (g.NumberOfJobs, g.WallDuration, g.CpuDuration, g.EarliestEndTime, g.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            g.WallDuration,
            IF(
                n.WallDuration > 18446744073709551615 - g.WallDuration,
                18446744073709551615,
                g.WallDuration + n.WallDuration
            )
        ),
        IF(
            n.SiteID IS NULL
                OR (g.NumberOfJobs, g.WallDuration, g.CpuDuration, g.EarliestEndTime, g.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            g.CpuDuration,
            IF(
                n.CpuDuration > 18446744073709551615 - g.CpuDuration,
                18446744073709551615,
                g.CpuDuration + n.CpuDuration
            )
        ),
        LEAST(g.NormalisedWallDuration + IFNULL(n.NormalisedWallDuration, 0), 18446744073709551615),
        LEAST(g.NormalisedCpuDuration + IFNULL(n.NormalisedCpuDuration, 0), 18446744073709551615),
        IF(
            n.SiteID IS NULL
                OR (g.NumberOfJobs, g.WallDuration, g.CpuDuration, g.EarliestEndTime, g.LatestEndTime)
                    <=> (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime),
            g.NumberOfJobs,
            IF(
                n.NumberOfJobs > 18446744073709551615 - g.NumberOfJobs,
                18446744073709551615,
                g.NumberOfJobs + n.NumberOfJobs
            )
        )
    FROM (
        SELECT
            j.SiteID,
            j.Month,
            j.Year,
            j.GlobalUserNameID,
            j.VOID,
            j.VOGroupID,
            j.VORoleID,
            j.SubmitHostId,
            j.Infrastructure,
            MAX(CONVERT(j.InfrastructureDescription USING utf8mb4) COLLATE utf8mb4_bin)
                AS InfrastructureDescription,
            j.ServiceLevelType,
            j.ServiceLevel,
            j.NodeCount,
            j.Processors,
            MIN(j.EndTime) AS EarliestEndTime,
            MAX(j.EndTime) AS LatestEndTime,
            LEAST(IFNULL(SUM(j.WallDuration), 0), 18446744073709551615) AS WallDuration,
            LEAST(IFNULL(SUM(j.CpuDuration), 0), 18446744073709551615) AS CpuDuration,
            LEAST(GREATEST(ROUND(
                IFNULL(SUM(j.WallDuration), 0)
                    * IF(LOWER(j.ServiceLevelType) {{ keeps_old_factor }}, j.ServiceLevel * 0.004, j.ServiceLevel)
            ), 0), 18446744073709551615) AS NormalisedWallDuration,
            LEAST(GREATEST(ROUND(
                IFNULL(SUM(j.CpuDuration), 0)
                    * IF(LOWER(j.ServiceLevelType) {{ keeps_old_factor }}, j.ServiceLevel * 0.004, j.ServiceLevel)
            ), 0), 18446744073709551615) AS NormalisedCpuDuration,
            COUNT(*) AS NumberOfJobs
        FROM (
            SELECT
                j.SiteID,
                IFNULL(j.EndMonth, MONTH(j.EndTime)) AS Month,
                IFNULL(j.EndYear, YEAR(j.EndTime)) AS Year,
                j.GlobalUserNameID,
                j.VOID,
                j.VOGroupID,
                j.VORoleID,
                j.SubmitHostID AS SubmitHostId,
                IF(
                    LOWER(TRIM(IFNULL(j.InfrastructureType, ''))) IN ('', 'none', 'null'),
                    'None',
                    j.InfrastructureType
                ) AS Infrastructure,
                j.InfrastructureDescription,
                j.ServiceLevelType,
                j.ServiceLevel,
                LEAST(j.NodeCount, 2147483647) AS NodeCount,
                LEAST(j.Processors, 2147483647) AS Processors,
                j.EndTime,
                j.WallDuration,
                j.CpuDuration
            FROM JobRecords AS j
            WHERE j.ServiceLevel = 0 OR mustFold
        ) AS j
        GROUP BY
            j.SiteID,
            j.Month,
            j.Year,
            j.GlobalUserNameID,
            j.VOID,
            j.VOGroupID,
            j.VORoleID,
            j.SubmitHostId,
            j.Infrastructure,
            j.ServiceLevelType,
            j.ServiceLevel,
            j.NodeCount,
            j.Processors
    ) AS g
    -- Jobs of level 0 may share their key with the copy of a normalised summary: the sum of both, as
    -- CopyNormalisedSummaries writes it too, or once where all figures are the same (one month by two
    -- routes).
    LEFT JOIN NormalisedSummaries AS n ON g.ServiceLevel = 0
        AND n.SiteID = g.SiteID
        AND n.Month = g.Month
        AND n.Year = g.Year
        AND n.GlobalUserNameID = g.GlobalUserNameID
        AND n.VOID = g.VOID
        AND n.VORoleID = g.VORoleID
        AND n.VOGroupID = g.VOGroupID
        AND n.SubmitHostId = g.SubmitHostId
        AND n.NodeCount = g.NodeCount
        AND n.Processors = g.Processors
        AND IF(LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'), '', LOWER(TRIM(n.ServiceLevelType)))
            = g.ServiceLevelType
        AND IF(LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'), 'None', n.Infrastructure)
            = g.Infrastructure
    ON DUPLICATE KEY UPDATE
        Infrastructure = VALUES(Infrastructure),
        InfrastructureDescription = VALUES(InfrastructureDescription),
        ServiceLevelType = VALUES(ServiceLevelType),
        EarliestEndTime = VALUES(EarliestEndTime),
        LatestEndTime = VALUES(LatestEndTime),
        WallDuration = VALUES(WallDuration),
        CpuDuration = VALUES(CpuDuration),
        NormalisedWallDuration = VALUES(NormalisedWallDuration),
        NormalisedCpuDuration = VALUES(NormalisedCpuDuration),
        NumberOfJobs = VALUES(NumberOfJobs);
END
