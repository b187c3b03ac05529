CREATE PROCEDURE NormaliseSummaries ()
BEGIN
    DECLARE everything BOOLEAN DEFAULT FALSE;

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
        -- Is none of them there yet? Then there is nothing to compare with. Asked by a REPLACE, which unlike a
        -- SELECT fixes no snapshot; where it cannot be written down, they are compared.
        DECLARE CONTINUE HANDLER FOR
            1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146, 1264, 1265, 1356, 1364, 1366, 1406,
            1449, 1467, 1471, 1932
        BEGIN
        END;

        REPLACE INTO apelschema_marks (Name, MarkTime)
        SELECT 'first summaries', NOW()
        FROM (
            SELECT s.SiteID, s.Month, s.Year, s.GlobalUserNameID, s.VOID, s.VORoleID, s.VOGroupID, s.SubmitHostId
            FROM Summaries AS s
            WHERE s.ServiceLevel <> 0
            LIMIT 1
        ) AS s
        LEFT JOIN HybridSuperSummaries AS h ON h.SiteID = s.SiteID
            AND h.Month = s.Month
            AND h.Year = s.Year
            AND h.GlobalUserNameID = s.GlobalUserNameID
            AND h.VOID = s.VOID
            AND h.VORoleID = s.VORoleID
            AND h.VOGroupID = s.VOGroupID
            AND h.SubmitHostId = s.SubmitHostId
            AND h.ServiceLevel <> 0
        WHERE h.SiteID IS NULL;
        SET everything = ROW_COUNT() > 0;
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

    IF NOT everything THEN
        BEGIN
            -- Only an infrastructure that says nothing in another spelling than 'None' can bring these. Two such
            -- rows may have one key, and the one that stands would let the other be written, in turns every
            -- night: the statement fails as a whole, and the next one writes all in the order of the source.
            -- 1137: nor can MySQL name a table twice that only this session sees, as in a trial.
            DECLARE CONTINUE HANDLER FOR 1048, 1137, 1265 SET everything = TRUE;

            -- Only rows that do not stand as they would be written, byte for byte. VALUES(), because MariaDB 10.5
            -- has nothing else.
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
                s.Infrastructure,
                s.ServiceLevelType,
                s.ServiceLevel,
                s.NodeCount,
                s.Processors,
                s.EarliestEndTime,
                s.LatestEndTime,
                s.WallDuration,
                s.CpuDuration,
                s.NormalisedWallDuration,
                s.NormalisedCpuDuration,
                s.NumberOfJobs
            FROM (
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
                        LOWER(TRIM(s.InfrastructureType)) IN ('', 'none', 'null')
                            AND CAST(s.InfrastructureType AS BINARY) <> 'None',
                        NULL,
                        s.InfrastructureType
                    ) AS Infrastructure,
                    s.ServiceLevelType,
                    s.ServiceLevel,
                    s.NodeCount,
                    s.Processors,
                    s.EarliestEndTime,
                    s.LatestEndTime,
                    s.WallDuration,
                    s.CpuDuration,
                    LEAST(GREATEST(ROUND(
                        s.WallDuration
                            * IF(
                                LOWER(s.ServiceLevelType) {{ keeps_old_factor }},
                                s.ServiceLevel * 0.004,
                                s.ServiceLevel
                            )
                    ), 0), 18446744073709551615) AS NormalisedWallDuration,
                    LEAST(GREATEST(ROUND(
                        s.CpuDuration
                            * IF(
                                LOWER(s.ServiceLevelType) {{ keeps_old_factor }},
                                s.ServiceLevel * 0.004,
                                s.ServiceLevel
                            )
                    ), 0), 18446744073709551615) AS NormalisedCpuDuration,
                    s.NumberOfJobs
                FROM Summaries AS s
                WHERE s.ServiceLevel <> 0
            ) AS s
            LEFT JOIN HybridSuperSummaries AS h ON h.SiteID = s.SiteID
                AND h.Month = s.Month
                AND h.Year = s.Year
                AND h.GlobalUserNameID = s.GlobalUserNameID
                AND h.VOID = s.VOID
                AND h.VORoleID = s.VORoleID
                AND h.VOGroupID = s.VOGroupID
                AND h.SubmitHostId = s.SubmitHostId
                AND h.Infrastructure = s.Infrastructure
                AND h.ServiceLevelType = s.ServiceLevelType
                AND h.ServiceLevel = s.ServiceLevel
                AND h.NodeCount = s.NodeCount
                AND h.Processors = s.Processors
                AND CAST(h.Infrastructure AS BINARY) = CAST(s.Infrastructure AS BINARY)
                AND CAST(h.ServiceLevelType AS BINARY) = CAST(s.ServiceLevelType AS BINARY)
                AND h.EarliestEndTime <=> s.EarliestEndTime
                AND h.LatestEndTime <=> s.LatestEndTime
                AND h.WallDuration <=> s.WallDuration
                AND h.CpuDuration <=> s.CpuDuration
                AND h.NormalisedWallDuration <=> s.NormalisedWallDuration
                AND h.NormalisedCpuDuration <=> s.NormalisedCpuDuration
                AND h.NumberOfJobs <=> s.NumberOfJobs
            WHERE h.SiteID IS NULL
            ON DUPLICATE KEY UPDATE
                Infrastructure = VALUES(Infrastructure),
                ServiceLevelType = VALUES(ServiceLevelType),
                EarliestEndTime = VALUES(EarliestEndTime),
                LatestEndTime = VALUES(LatestEndTime),
                WallDuration = VALUES(WallDuration),
                CpuDuration = VALUES(CpuDuration),
                NormalisedWallDuration = VALUES(NormalisedWallDuration),
                NormalisedCpuDuration = VALUES(NormalisedCpuDuration),
                NumberOfJobs = VALUES(NumberOfJobs);
        END;
    END IF;

    BEGIN
        -- As above, for a caller in autocommit, where each statement is a transaction.
        DECLARE CONTINUE HANDLER FOR 1568
        BEGIN
        END;

        IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        END IF;
    END;

    -- Summaries of level 0, and all of them where nothing can be compared.
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
            )
    WHERE s.ServiceLevel = 0 OR everything
    ON DUPLICATE KEY UPDATE
        Infrastructure = VALUES(Infrastructure),
        ServiceLevelType = VALUES(ServiceLevelType),
        EarliestEndTime = VALUES(EarliestEndTime),
        LatestEndTime = VALUES(LatestEndTime),
        WallDuration = VALUES(WallDuration),
        CpuDuration = VALUES(CpuDuration),
        NormalisedWallDuration = VALUES(NormalisedWallDuration),
        NormalisedCpuDuration = VALUES(NormalisedCpuDuration),
        NumberOfJobs = VALUES(NumberOfJobs);
END
