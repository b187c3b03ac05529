CREATE PROCEDURE CopyNormalisedSummaries ()
BEGIN
    DECLARE startedAt, since DATETIME;
    DECLARE sent, removed BIGINT;
    DECLARE seesThePast, levelZero, everything, nothingLeft, stands BOOLEAN DEFAULT FALSE;
    DECLARE standingType, itsType VARCHAR(50);
    DECLARE standingUpdated, itsUpdated, itsEarliest, itsLatest DATETIME;
    DECLARE itsSite, itsMonth, itsYear, itsUser, itsVO, itsGroup, itsRole, itsHost INT;
    DECLARE itsInfrastructure VARCHAR(20);
    DECLARE itsNodes, itsProcessors, itsPublisher INT;
    DECLARE itsWall, itsCpu, itsNormalisedWall, itsNormalisedCpu, itsJobs BIGINT UNSIGNED;

    BEGIN
        -- So that loaders need not wait for what is read here, nor lose messages to a deadlock: INSERT ... SELECT
        -- locks what it reads at REPEATABLE READ. For this transaction alone; where one is open already (1568) it
        -- stays as it is. InnoDB refuses to write at READ COMMITTED to a binary log of statements.
        DECLARE CONTINUE HANDLER FOR 1568 SET seesThePast = TRUE;

        IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        END IF;
    END;

    SET startedAt = NOW();

    copying: LOOP
        -- First of all, and before anything is looked at: at REPEATABLE READ the first look fixes what later
        -- ones see. REPLACE ... SELECT is no look, and at READ COMMITTED it locks nothing that it reads; a SET or
        -- SELECT would do the one or the other. Are there sources of level 0 at sites that send normalised
        -- summaries? Where that cannot be written down: as if there were.
        BEGIN
            DECLARE CONTINUE HANDLER FOR
                1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146, 1264, 1265, 1356, 1364, 1366, 1406,
                1449, 1467, 1471, 1932
                SET levelZero = TRUE;

            SET levelZero = FALSE;
            REPLACE INTO apelschema_marks (Name, MarkTime)
            SELECT 'sources of level 0', startedAt
            FROM (SELECT 1 AS Dummy) AS one
            WHERE EXISTS (
                SELECT 1
                FROM (SELECT DISTINCT n.SiteID FROM NormalisedSummaries AS n) AS o
                STRAIGHT_JOIN Summaries AS s ON s.SiteID = o.SiteID
                WHERE s.ServiceLevel = 0
            ) OR EXISTS (
                SELECT 1
                FROM (SELECT DISTINCT n.SiteID FROM NormalisedSummaries AS n) AS o
                STRAIGHT_JOIN JobRecords AS j IGNORE INDEX (PRIMARY) ON j.SiteID = o.SiteID
                WHERE j.ServiceLevel = 0
            );
            SET levelZero = levelZero OR ROW_COUNT() > 0;
        END;

        BEGIN
            -- Is none of them there yet? Then there is nothing to compare with. Where that cannot be written down,
            -- they are compared.
            DECLARE CONTINUE HANDLER FOR
                1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146, 1264, 1265, 1356, 1364, 1366, 1406,
                1449, 1467, 1471, 1932
            BEGIN
            END;

            SET everything = FALSE;
            REPLACE INTO apelschema_marks (Name, MarkTime)
            SELECT 'first copies', startedAt
            FROM (
                SELECT
                    n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VORoleID, n.VOGroupID,
                    n.SubmitHostId
                FROM NormalisedSummaries AS n
                LIMIT 1
            ) AS n
            LEFT JOIN HybridSuperSummaries AS h ON h.SiteID = n.SiteID
                AND h.Month = n.Month
                AND h.Year = n.Year
                AND h.GlobalUserNameID = n.GlobalUserNameID
                AND h.VOID = n.VOID
                AND h.VORoleID = n.VORoleID
                AND h.VOGroupID = n.VOGroupID
                AND h.SubmitHostId = n.SubmitHostId
                AND h.ServiceLevel = 0
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

        IF NOT levelZero THEN
            IF NOT everything THEN
                BEGIN
                    -- Only a label in another spelling than it is to have can bring these. Two such rows may have
                    -- one key, and the one that stands would let the other be written, in turns every night: the
                    -- statement fails as a whole, and the next one writes all in the order of the source.
                    DECLARE CONTINUE HANDLER FOR 1048, 1265 SET everything = TRUE;

                    -- Only rows that do not stand as they would be written, byte for byte. VALUES(), because
                    -- MariaDB 10.5 has nothing else.
                    INSERT INTO HybridSuperSummaries (
                        SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,
                        Infrastructure, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime,
                        LatestEndTime, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                        NumberOfJobs
                    )
                    SELECT
                        n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID,
                        n.SubmitHostId, n.Infrastructure, n.ServiceLevelType, 0, n.NodeCount,
                        n.Processors, n.EarliestEndTime, n.LatestEndTime, n.WallDuration, n.CpuDuration,
                        n.NormalisedWallDuration, n.NormalisedCpuDuration, n.NumberOfJobs
                    FROM (
                        SELECT
                            n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID,
                            n.SubmitHostId,
                            IF(
                                LOWER(TRIM(n.Infrastructure)) IN ('', 'none', 'null')
                                    AND CAST(n.Infrastructure AS BINARY) <> 'None',
                                NULL,
                                n.Infrastructure
                            ) AS Infrastructure,
                            IF(
                                CAST(n.ServiceLevelType AS BINARY) = CAST(LOWER(TRIM(n.ServiceLevelType)) AS BINARY)
                                    AND n.ServiceLevelType NOT IN ('none', 'null'),
                                n.ServiceLevelType,
                                NULL
                            ) AS ServiceLevelType,
                            n.NodeCount, n.Processors, n.EarliestEndTime, n.LatestEndTime, n.WallDuration,
                            n.CpuDuration, n.NormalisedWallDuration, n.NormalisedCpuDuration, n.NumberOfJobs
                        FROM NormalisedSummaries AS n
                    ) AS n
                    LEFT JOIN HybridSuperSummaries AS h ON h.SiteID = n.SiteID
                        AND h.Month = n.Month
                        AND h.Year = n.Year
                        AND h.GlobalUserNameID = n.GlobalUserNameID
                        AND h.VOID = n.VOID
                        AND h.VORoleID = n.VORoleID
                        AND h.VOGroupID = n.VOGroupID
                        AND h.SubmitHostId = n.SubmitHostId
                        AND h.Infrastructure = n.Infrastructure
                        AND h.ServiceLevelType = n.ServiceLevelType
                        AND h.ServiceLevel = 0
                        AND h.NodeCount = n.NodeCount
                        AND h.Processors = n.Processors
                        AND CAST(h.Infrastructure AS BINARY) = CAST(n.Infrastructure AS BINARY)
                        AND CAST(h.ServiceLevelType AS BINARY) = CAST(n.ServiceLevelType AS BINARY)
                        AND h.EarliestEndTime <=> n.EarliestEndTime
                        AND h.LatestEndTime <=> n.LatestEndTime
                        AND h.WallDuration <=> n.WallDuration
                        AND h.CpuDuration <=> n.CpuDuration
                        AND h.NormalisedWallDuration <=> n.NormalisedWallDuration
                        AND h.NormalisedCpuDuration <=> n.NormalisedCpuDuration
                        AND h.NumberOfJobs <=> n.NumberOfJobs
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

            IF everything THEN
                BEGIN
                    -- As above, for a caller in autocommit, where each statement is a transaction.
                    DECLARE CONTINUE HANDLER FOR 1568
                    BEGIN
                    END;

                    IF NOT (@@GLOBAL.log_bin AND @@SESSION.binlog_format = 'STATEMENT') THEN
                        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
                    END IF;
                END;

                INSERT INTO HybridSuperSummaries (
                    SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,
                    Infrastructure, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime,
                    LatestEndTime, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                    NumberOfJobs
                )
                SELECT
                    n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID,
                    n.SubmitHostId,
                    IF(
                        LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'),
                        'None',
                        n.Infrastructure
                    ),
                    IF(LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'), '', LOWER(TRIM(n.ServiceLevelType))),
                    0, n.NodeCount, n.Processors, n.EarliestEndTime, n.LatestEndTime, n.WallDuration,
                    n.CpuDuration, n.NormalisedWallDuration, n.NormalisedCpuDuration, n.NumberOfJobs
                FROM NormalisedSummaries AS n
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
            END IF;
        ELSE
            -- A key may have a source of level 0 beside the normalised summary: the sum of both, as
            -- SummariseJobs and NormaliseSummaries write it too, or once where all figures are the same
            -- (one month by two routes).
            INSERT INTO HybridSuperSummaries (
                SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,
                Infrastructure, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime,
                LatestEndTime, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                NumberOfJobs
            )
            SELECT
                n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID,
                n.SubmitHostId, n.Infrastructure, n.ServiceLevelType, 0, n.NodeCount, n.Processors,
                IF(
                    b.SiteID IS NULL,
                    n.EarliestEndTime,
                    COALESCE(
                        LEAST(n.EarliestEndTime, b.EarliestEndTime),
                        n.EarliestEndTime, b.EarliestEndTime
                    )
                ),
                IF(
                    b.SiteID IS NULL,
                    n.LatestEndTime,
                    COALESCE(GREATEST(n.LatestEndTime, b.LatestEndTime), n.LatestEndTime, b.LatestEndTime)
                ),
                IF(
                    b.SiteID IS NULL
                        OR (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime)
                            <=> (
                                b.NumberOfJobs, b.WallDuration, b.CpuDuration, b.EarliestEndTime, b.LatestEndTime
                            ),
                    n.WallDuration,
                    IF(
                        b.WallDuration > 18446744073709551615 - n.WallDuration,
                        18446744073709551615,
                        n.WallDuration + b.WallDuration
                    )
                ),
                IF(
                    b.SiteID IS NULL
                        OR (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime)
                            <=> (
                                b.NumberOfJobs, b.WallDuration, b.CpuDuration, b.EarliestEndTime, b.LatestEndTime
                            ),
                    n.CpuDuration,
                    IF(
                        b.CpuDuration > 18446744073709551615 - n.CpuDuration,
                        18446744073709551615,
                        n.CpuDuration + b.CpuDuration
                    )
                ),
                n.NormalisedWallDuration,
                n.NormalisedCpuDuration,
                IF(
                    b.SiteID IS NULL
                        OR (n.NumberOfJobs, n.WallDuration, n.CpuDuration, n.EarliestEndTime, n.LatestEndTime)
                            <=> (
                                b.NumberOfJobs, b.WallDuration, b.CpuDuration, b.EarliestEndTime, b.LatestEndTime
                            ),
                    n.NumberOfJobs,
                    IF(
                        b.NumberOfJobs > 18446744073709551615 - n.NumberOfJobs,
                        18446744073709551615,
                        n.NumberOfJobs + b.NumberOfJobs
                    )
                )
            FROM (
                SELECT
                    n.SiteID, n.Month, n.Year, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID,
                    n.SubmitHostId,
                    IF(
                        LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'),
                        'None',
                        n.Infrastructure
                    ) AS Infrastructure,
                    IF(
                        LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'),
                        '',
                        LOWER(TRIM(n.ServiceLevelType))
                    ) AS ServiceLevelType,
                    n.NodeCount, n.Processors, n.EarliestEndTime, n.LatestEndTime, n.WallDuration,
                    n.CpuDuration, n.NormalisedWallDuration, n.NormalisedCpuDuration, n.NumberOfJobs
                FROM NormalisedSummaries AS n
            ) AS n
            LEFT JOIN (
                SELECT
                    s.SiteID, s.Month, s.Year, s.GlobalUserNameID, s.VOID, s.VOGroupID, s.VORoleID,
                    s.SubmitHostId,
                    IF(
                        LOWER(TRIM(IFNULL(s.InfrastructureType, ''))) IN ('', 'none', 'null'),
                        'None',
                        s.InfrastructureType
                    ) AS Infrastructure,
                    s.ServiceLevelType, s.NodeCount, s.Processors, s.EarliestEndTime, s.LatestEndTime,
                    s.WallDuration, s.CpuDuration, s.NumberOfJobs
                FROM (SELECT DISTINCT n.SiteID FROM NormalisedSummaries AS n) AS o
                STRAIGHT_JOIN Summaries AS s ON s.SiteID = o.SiteID
                WHERE s.ServiceLevel = 0
                UNION ALL
                SELECT
                    j.SiteID, j.Month, j.Year, j.GlobalUserNameID, j.VOID, j.VOGroupID, j.VORoleID,
                    j.SubmitHostId, j.Infrastructure, j.ServiceLevelType, j.NodeCount, j.Processors,
                    MIN(j.EndTime),
                    MAX(j.EndTime),
                    CAST(LEAST(IFNULL(SUM(j.WallDuration), 0), 18446744073709551615) AS UNSIGNED),
                    CAST(LEAST(IFNULL(SUM(j.CpuDuration), 0), 18446744073709551615) AS UNSIGNED),
                    COUNT(*)
                FROM (
                    SELECT
                        r.SiteID,
                        IFNULL(r.EndMonth, MONTH(r.EndTime)) AS Month,
                        IFNULL(r.EndYear, YEAR(r.EndTime)) AS Year,
                        r.GlobalUserNameID,
                        r.VOID,
                        r.VOGroupID,
                        r.VORoleID,
                        r.SubmitHostID AS SubmitHostId,
                        IF(
                            LOWER(TRIM(IFNULL(r.InfrastructureType, ''))) IN ('', 'none', 'null'),
                            'None',
                            r.InfrastructureType
                        ) AS Infrastructure,
                        r.ServiceLevelType,
                        LEAST(r.NodeCount, 2147483647) AS NodeCount,
                        LEAST(r.Processors, 2147483647) AS Processors,
                        r.EndTime,
                        r.WallDuration,
                        r.CpuDuration
                    FROM (SELECT DISTINCT n.SiteID FROM NormalisedSummaries AS n) AS o
                    STRAIGHT_JOIN JobRecords AS r IGNORE INDEX (PRIMARY) ON r.SiteID = o.SiteID
                    WHERE r.ServiceLevel = 0
                ) AS j
                -- Of jobs and a summary under one key the summary counts: NormaliseSummaries comes last.
                WHERE NOT EXISTS (
                    SELECT 1
                    FROM Summaries AS s
                    WHERE s.ServiceLevel = 0
                        AND s.SiteID = j.SiteID
                        AND s.Month = j.Month
                        AND s.Year = j.Year
                        AND s.GlobalUserNameID = j.GlobalUserNameID
                        AND s.VOID = j.VOID
                        AND s.VORoleID = j.VORoleID
                        AND s.VOGroupID = j.VOGroupID
                        AND s.SubmitHostId = j.SubmitHostId
                        AND s.NodeCount = j.NodeCount
                        AND s.Processors = j.Processors
                        AND s.ServiceLevelType = j.ServiceLevelType
                        AND IF(
                            LOWER(TRIM(IFNULL(s.InfrastructureType, ''))) IN ('', 'none', 'null'),
                            'None',
                            s.InfrastructureType
                        ) = j.Infrastructure
                )
                GROUP BY
                    j.SiteID, j.Month, j.Year, j.GlobalUserNameID, j.VOID, j.VOGroupID, j.VORoleID,
                    j.SubmitHostId, j.Infrastructure, j.ServiceLevelType, j.NodeCount, j.Processors
            ) AS b ON b.SiteID = n.SiteID
                AND b.Month = n.Month
                AND b.Year = n.Year
                AND b.GlobalUserNameID = n.GlobalUserNameID
                AND b.VOID = n.VOID
                AND b.VORoleID = n.VORoleID
                AND b.VOGroupID = n.VOGroupID
                AND b.SubmitHostId = n.SubmitHostId
                AND b.NodeCount = n.NodeCount
                AND b.Processors = n.Processors
                AND b.ServiceLevelType = n.ServiceLevelType
                AND b.Infrastructure = n.Infrastructure
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
        END IF;

        BEGIN
            -- No table, no privilege, another shape: then everything is looked at.
            DECLARE CONTINUE HANDLER FOR 1017, 1054, 1142, 1143, 1146, 1356, 1449, 1932
            BEGIN
            END;
            DECLARE CONTINUE HANDLER FOR NOT FOUND
            BEGIN
            END;

            SELECT LEAST(m.MarkTime, startedAt) - INTERVAL 1 DAY INTO since
            FROM apelschema_marks AS m
            WHERE m.Name = 'CopyNormalisedSummaries';
        END;

        SELECT COUNT(*) INTO sent
        FROM NormalisedSummaries AS n
        WHERE since IS NULL OR n.UpdateTime >= since;

        IF sent = 0 THEN
            LEAVE copying;
        END IF;

        SET removed = 0;

        BEGIN
            -- Both classes under one key, where a caller died between its statements: a row goes when a newer
            -- one of the other class, or of its own type in another spelling, stands. Typed wins a tie.
            DECLARE doubles CURSOR FOR
                SELECT
                    y.ServiceLevelType, y.UpdateTime, x.UpdateTime, x.SiteID, x.Month, x.Year,
                    x.GlobalUserNameID, x.VOID, x.VOGroupID, x.VORoleID, x.SubmitHostId, x.Infrastructure,
                    x.ServiceLevelType, x.NodeCount, x.Processors, x.EarliestEndTime, x.LatestEndTime,
                    x.WallDuration, x.CpuDuration, x.NormalisedWallDuration, x.NormalisedCpuDuration,
                    x.NumberOfJobs, x.PublisherDNID
                FROM NormalisedSummaries AS y
                STRAIGHT_JOIN NormalisedSummaries AS x ON x.SiteID = y.SiteID
                    AND x.Month = y.Month
                    AND x.Year = y.Year
                    AND x.GlobalUserNameID = y.GlobalUserNameID
                    AND x.VOID = y.VOID
                    AND x.VORoleID = y.VORoleID
                    AND x.VOGroupID = y.VOGroupID
                    AND x.SubmitHostId = y.SubmitHostId
                    AND x.NodeCount = y.NodeCount
                    AND x.Processors = y.Processors
                    AND x.ServiceLevelType <> y.ServiceLevelType
                WHERE (since IS NULL OR y.UpdateTime >= since)
                    AND y.UpdateTime >= x.UpdateTime
                    AND (
                        LOWER(TRIM(y.ServiceLevelType)) IN ('', 'none', 'null')
                        OR LOWER(TRIM(x.ServiceLevelType)) IN ('', 'none', 'null')
                        OR LOWER(TRIM(x.ServiceLevelType)) = LOWER(TRIM(y.ServiceLevelType))
                    )
                    AND (
                        y.UpdateTime > x.UpdateTime
                        OR IF(
                            LOWER(TRIM(x.ServiceLevelType)) IN ('', 'none', 'null'),
                            LOWER(TRIM(y.ServiceLevelType)) NOT IN ('', 'none', 'null')
                                OR y.ServiceLevelType < x.ServiceLevelType,
                            LOWER(TRIM(y.ServiceLevelType)) NOT IN ('', 'none', 'null')
                                AND y.ServiceLevelType > x.ServiceLevelType
                        )
                    )
                ORDER BY y.UpdateTime;
            DECLARE CONTINUE HANDLER FOR NOT FOUND SET nothingLeft = TRUE;

            SET nothingLeft = FALSE;
            OPEN doubles;

            settling: LOOP
                FETCH doubles INTO
                    standingType, standingUpdated, itsUpdated, itsSite, itsMonth, itsYear, itsUser, itsVO,
                    itsGroup, itsRole, itsHost, itsInfrastructure, itsType, itsNodes, itsProcessors,
                    itsEarliest, itsLatest, itsWall, itsCpu, itsNormalisedWall, itsNormalisedCpu, itsJobs,
                    itsPublisher;

                IF nothingLeft THEN
                    LEAVE settling;
                END IF;

                -- Both as they were seen? One may have gone, or have been sent again, since.
                SELECT COUNT(*) = 2 INTO stands
                FROM NormalisedSummaries AS n
                WHERE n.SiteID = itsSite
                    AND n.Month = itsMonth
                    AND n.Year = itsYear
                    AND n.GlobalUserNameID = itsUser
                    AND n.VOID = itsVO
                    AND n.VORoleID = itsRole
                    AND n.VOGroupID = itsGroup
                    AND n.SubmitHostId = itsHost
                    AND n.NodeCount = itsNodes
                    AND n.Processors = itsProcessors
                    AND n.ServiceLevelType IN (standingType, itsType)
                    AND n.UpdateTime = IF(n.ServiceLevelType = itsType, itsUpdated, standingUpdated);

                IF stands THEN
                    BEGIN
                        DECLARE CONTINUE HANDLER FOR
                            1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146,
                            1264, 1265, 1356, 1364, 1366, 1406,
                            1449, 1467, 1471, 1932
                        BEGIN
                        END;

                        INSERT INTO apelschema_replaced (
                            SourceTable, Reason, ReplacedByType, RowUpdateTime, SiteID, Month, Year,
                            GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId, Infrastructure,
                            ServiceLevelType, NodeCount, Processors, EarliestEndTime, LatestEndTime,
                            WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                            NumberOfJobs, PublisherDNID
                        )
                        VALUES (
                            'NormalisedSummaries', 'both classes', standingType, itsUpdated, itsSite,
                            itsMonth, itsYear, itsUser, itsVO, itsGroup, itsRole, itsHost,
                            itsInfrastructure, itsType, itsNodes, itsProcessors, itsEarliest, itsLatest,
                            itsWall, itsCpu, itsNormalisedWall, itsNormalisedCpu, itsJobs, itsPublisher
                        );
                    END;

                    DELETE FROM NormalisedSummaries
                    WHERE NormalisedSummaries.SiteID = itsSite
                        AND NormalisedSummaries.Month = itsMonth
                        AND NormalisedSummaries.Year = itsYear
                        AND NormalisedSummaries.GlobalUserNameID = itsUser
                        AND NormalisedSummaries.VOID = itsVO
                        AND NormalisedSummaries.VORoleID = itsRole
                        AND NormalisedSummaries.VOGroupID = itsGroup
                        AND NormalisedSummaries.SubmitHostId = itsHost
                        AND NormalisedSummaries.NodeCount = itsNodes
                        AND NormalisedSummaries.Processors = itsProcessors
                        AND NormalisedSummaries.ServiceLevelType = itsType
                        AND NormalisedSummaries.UpdateTime = itsUpdated;
                    SET removed = removed + ROW_COUNT();
                END IF;
            END LOOP;

            CLOSE doubles;
        END;

        -- What was removed has been copied above: once more then.
        IF removed = 0 THEN
            LEAVE copying;
        END IF;
    END LOOP;

    staleCopies: BEGIN
        -- Copies whose source was replaced. One goes only when it is a copy for certain (level 0, and
        -- normalised or without any duration), its source is gone, what replaced it stands in the source table
        -- and here, and no job or summary of level 0 is behind the key. All else stays: a source may have been
        -- purged.
        DECLARE stale CURSOR FOR
            SELECT
                -- Two typed rows may have replaced one untyped, which goes once.
                MIN(n.ServiceLevelType),
                h.UpdateTime, h.SiteID, h.Month, h.Year, h.GlobalUserNameID, h.VOID, h.VOGroupID,
                h.VORoleID, h.SubmitHostId, h.Infrastructure, h.ServiceLevelType, h.NodeCount, h.Processors,
                h.EarliestEndTime, h.LatestEndTime, h.WallDuration, h.CpuDuration, h.NormalisedWallDuration,
                h.NormalisedCpuDuration, h.NumberOfJobs
            FROM NormalisedSummaries AS n
            STRAIGHT_JOIN HybridSuperSummaries AS h ON h.SiteID = n.SiteID
                AND h.Month = n.Month
                AND h.Year = n.Year
                AND h.GlobalUserNameID = n.GlobalUserNameID
                AND h.VOID = n.VOID
                AND h.VORoleID = n.VORoleID
                AND h.VOGroupID = n.VOGroupID
                AND h.SubmitHostId = n.SubmitHostId
                AND h.NodeCount = n.NodeCount
                AND h.Processors = n.Processors
                AND h.ServiceLevel = 0
            WHERE (since IS NULL OR n.UpdateTime >= since)
                AND h.ServiceLevelType
                    <> IF(
                        LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'),
                        '',
                        LOWER(TRIM(n.ServiceLevelType))
                    )
                AND (
                    LOWER(TRIM(n.ServiceLevelType)) IN ('', 'none', 'null')
                    OR LOWER(TRIM(h.ServiceLevelType)) IN ('', 'none', 'null')
                    OR LOWER(TRIM(h.ServiceLevelType)) = LOWER(TRIM(n.ServiceLevelType))
                )
                AND (
                    h.NormalisedWallDuration > 0
                    OR h.NormalisedCpuDuration > 0
                    OR (h.WallDuration = 0 AND h.CpuDuration = 0)
                )
                AND NOT EXISTS (
                    SELECT 1
                    FROM NormalisedSummaries AS own
                    WHERE own.SiteID = h.SiteID
                        AND own.Month = h.Month
                        AND own.Year = h.Year
                        AND own.GlobalUserNameID = h.GlobalUserNameID
                        AND own.VOID = h.VOID
                        AND own.VORoleID = h.VORoleID
                        AND own.VOGroupID = h.VOGroupID
                        AND own.SubmitHostId = h.SubmitHostId
                        AND own.NodeCount = h.NodeCount
                        AND own.Processors = h.Processors
                        AND IF(
                            LOWER(TRIM(own.ServiceLevelType)) IN ('none', 'null'),
                            '',
                            LOWER(TRIM(own.ServiceLevelType))
                        ) = h.ServiceLevelType
                        AND IF(
                            LOWER(TRIM(IFNULL(own.Infrastructure, ''))) IN ('', 'none', 'null'),
                            'None',
                            own.Infrastructure
                        ) = h.Infrastructure
                )
                AND EXISTS (
                    SELECT 1
                    FROM HybridSuperSummaries AS c
                    WHERE c.SiteID = n.SiteID
                        AND c.Month = n.Month
                        AND c.Year = n.Year
                        AND c.GlobalUserNameID = n.GlobalUserNameID
                        AND c.VOID = n.VOID
                        AND c.VORoleID = n.VORoleID
                        AND c.VOGroupID = n.VOGroupID
                        AND c.SubmitHostId = n.SubmitHostId
                        AND c.NodeCount = n.NodeCount
                        AND c.Processors = n.Processors
                        AND c.Infrastructure
                            = IF(
                                LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'),
                                'None',
                                n.Infrastructure
                            )
                        AND c.ServiceLevelType
                            = IF(
                                LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'),
                                '',
                                LOWER(TRIM(n.ServiceLevelType))
                            )
                        AND c.ServiceLevel = 0
                )
            GROUP BY
                h.UpdateTime, h.SiteID, h.Month, h.Year, h.GlobalUserNameID, h.VOID, h.VOGroupID,
                h.VORoleID, h.SubmitHostId, h.Infrastructure, h.ServiceLevelType, h.NodeCount, h.Processors,
                h.EarliestEndTime, h.LatestEndTime, h.WallDuration, h.CpuDuration, h.NormalisedWallDuration,
                h.NormalisedCpuDuration,
                h.NumberOfJobs;
        DECLARE CONTINUE HANDLER FOR NOT FOUND SET nothingLeft = TRUE;

        IF sent = 0 THEN
            LEAVE staleCopies;
        END IF;

        SET nothingLeft = FALSE;
        OPEN stale;

        clearing: LOOP
            FETCH stale INTO
                standingType, itsUpdated, itsSite, itsMonth, itsYear, itsUser, itsVO, itsGroup, itsRole,
                itsHost, itsInfrastructure, itsType, itsNodes, itsProcessors, itsEarliest, itsLatest,
                itsWall, itsCpu, itsNormalisedWall, itsNormalisedCpu,
                itsJobs;

            IF nothingLeft THEN
                LEAVE clearing;
            END IF;

            SET stands = TRUE;

            IF seesThePast THEN
                -- The transaction was open before: what it looked at may be older than what it copied. Its copying
                -- has locked these rows already.
                SELECT
                    IFNULL(MAX(
                        IF(
                            LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'),
                            '',
                            LOWER(TRIM(n.ServiceLevelType))
                        ) <> itsType
                            AND (
                                LOWER(TRIM(n.ServiceLevelType)) IN ('', 'none', 'null')
                                OR LOWER(TRIM(itsType)) IN ('', 'none', 'null')
                                OR LOWER(TRIM(itsType)) = LOWER(TRIM(n.ServiceLevelType))
                            )
                    ), FALSE)
                    AND NOT IFNULL(MAX(
                        IF(
                            LOWER(TRIM(n.ServiceLevelType)) IN ('none', 'null'),
                            '',
                            LOWER(TRIM(n.ServiceLevelType))
                        ) = itsType
                            AND IF(
                                LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'),
                                'None',
                                n.Infrastructure
                            ) = itsInfrastructure
                    ), FALSE)
                INTO stands
                FROM NormalisedSummaries AS n
                WHERE n.SiteID = itsSite
                    AND n.Month = itsMonth
                    AND n.Year = itsYear
                    AND n.GlobalUserNameID = itsUser
                    AND n.VOID = itsVO
                    AND n.VORoleID = itsRole
                    AND n.VOGroupID = itsGroup
                    AND n.SubmitHostId = itsHost
                    AND n.NodeCount = itsNodes
                    AND n.Processors = itsProcessors
                LOCK IN SHARE MODE;
            END IF;

            IF stands AND levelZero THEN
                -- Here, where the key is constant, and not above, where MariaDB might read all of JobRecords.
                SELECT NOT EXISTS (
                    SELECT 1
                    FROM Summaries AS s
                    WHERE s.SiteID = itsSite
                        AND s.Month = itsMonth
                        AND s.Year = itsYear
                        AND s.GlobalUserNameID = itsUser
                        AND s.VOID = itsVO
                        AND s.VORoleID = itsRole
                        AND s.VOGroupID = itsGroup
                        AND s.SubmitHostId = itsHost
                        AND s.NodeCount = itsNodes
                        AND s.Processors = itsProcessors
                        AND s.ServiceLevelType = itsType
                        AND s.ServiceLevel = 0
                        AND IF(
                            LOWER(TRIM(IFNULL(s.InfrastructureType, ''))) IN ('', 'none', 'null'),
                            'None',
                            s.InfrastructureType
                        ) = itsInfrastructure
                )
                AND NOT EXISTS (
                    SELECT 1
                    FROM JobRecords AS j
                    WHERE j.SiteID = itsSite
                        AND j.VOID = itsVO
                        AND j.GlobalUserNameID = itsUser
                        AND j.VOGroupID = itsGroup
                        AND j.VORoleID = itsRole
                        AND (j.EndYear = itsYear OR j.EndYear IS NULL AND YEAR(j.EndTime) = itsYear)
                        AND (j.EndMonth = itsMonth OR j.EndMonth IS NULL AND MONTH(j.EndTime) = itsMonth)
                        AND IF(
                            LOWER(TRIM(IFNULL(j.InfrastructureType, ''))) IN ('', 'none', 'null'),
                            'None',
                            j.InfrastructureType
                        ) = itsInfrastructure
                        AND j.SubmitHostID = itsHost
                        AND j.ServiceLevelType = itsType
                        AND j.ServiceLevel = 0
                        AND j.NodeCount = itsNodes
                        AND j.Processors = itsProcessors
                )
                INTO stands;
            END IF;

            IF stands THEN
                BEGIN
                    DECLARE CONTINUE HANDLER FOR
                        1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146,
                        1264, 1265, 1356, 1364, 1366, 1406,
                        1449, 1467, 1471, 1932
                    BEGIN
                    END;

                    INSERT INTO apelschema_replaced (
                        SourceTable, Reason, ReplacedByType, RowUpdateTime, SiteID, Month, Year,
                        GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId, Infrastructure,
                        ServiceLevelType, NodeCount, Processors, EarliestEndTime, LatestEndTime,
                        WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                        NumberOfJobs
                    )
                    VALUES (
                        'HybridSuperSummaries', 'stale copy', standingType, itsUpdated, itsSite, itsMonth,
                        itsYear, itsUser, itsVO, itsGroup, itsRole, itsHost, itsInfrastructure, itsType,
                        itsNodes, itsProcessors, itsEarliest, itsLatest, itsWall, itsCpu, itsNormalisedWall,
                        itsNormalisedCpu, itsJobs
                    );
                END;

                DELETE FROM HybridSuperSummaries
                WHERE HybridSuperSummaries.SiteID = itsSite
                    AND HybridSuperSummaries.Month = itsMonth
                    AND HybridSuperSummaries.Year = itsYear
                    AND HybridSuperSummaries.GlobalUserNameID = itsUser
                    AND HybridSuperSummaries.VOID = itsVO
                    AND HybridSuperSummaries.VORoleID = itsRole
                    AND HybridSuperSummaries.VOGroupID = itsGroup
                    AND HybridSuperSummaries.SubmitHostId = itsHost
                    AND HybridSuperSummaries.NodeCount = itsNodes
                    AND HybridSuperSummaries.Processors = itsProcessors
                    AND HybridSuperSummaries.Infrastructure = itsInfrastructure
                    AND HybridSuperSummaries.ServiceLevelType = itsType
                    AND HybridSuperSummaries.ServiceLevel = 0;
            END IF;
        END LOOP;

        CLOSE stale;
    END;

    BEGIN
        DECLARE CONTINUE HANDLER FOR
            1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146, 1264, 1265, 1356, 1364, 1366, 1406,
            1449, 1467, 1471, 1932
        BEGIN
        END;

        INSERT INTO apelschema_marks (Name, MarkTime)
        VALUES ('CopyNormalisedSummaries', startedAt)
        ON DUPLICATE KEY UPDATE apelschema_marks.MarkTime = startedAt;
    END;
END
