CREATE PROCEDURE ReplaceNormalisedSummary (
    site VARCHAR(255),
    month INT,
    year INT,
    globalUserName VARCHAR(255),
    vo VARCHAR(255),
    voGroup VARCHAR(255),
    voRole VARCHAR(255),
    submitHost VARCHAR(255),
    infrastructure VARCHAR(50),
    serviceLevelType VARCHAR(50),
    nodeCount INT,
    processors INT,
    earliestEndTime DATETIME,
    latestEndTime DATETIME,
    wallDuration BIGINT,
    cpuDuration BIGINT,
    normalisedWallDuration BIGINT,
    normalisedCpuDuration BIGINT,
    numberOfJobs INT,
    publisherDN VARCHAR(255)
)
BEGIN
    DECLARE sentType VARCHAR(50) DEFAULT LOWER(TRIM(IFNULL(serviceLevelType, '')));
    DECLARE ownSite, ownUser, ownVO, ownGroup, ownRole, ownHost INT;

    IF sentType IN ('none', 'null') THEN
        SET sentType = '';
    END IF;

    REPLACE INTO NormalisedSummaries (
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
        NodeCount,
        Processors,
        EarliestEndTime,
        LatestEndTime,
        WallDuration,
        CpuDuration,
        NormalisedWallDuration,
        NormalisedCpuDuration,
        NumberOfJobs,
        PublisherDNID
    )
    VALUES (
        SiteLookup(site),
        month,
        year,
        DNLookup(globalUserName),
        VOLookup(vo),
        VOGroupLookup(voGroup),
        VORoleLookup(voRole),
        SubmitHostLookup(submitHost),
        IF(LOWER(TRIM(IFNULL(infrastructure, ''))) IN ('', 'none', 'null'), 'None', infrastructure),
        sentType,
        nodeCount,
        processors,
        earliestEndTime,
        latestEndTime,
        wallDuration,
        cpuDuration,
        normalisedWallDuration,
        normalisedCpuDuration,
        numberOfJobs,
        DNLookup(publisherDN)
    );

    -- SET, not SELECT: a lookup in a SELECT reads the transaction's snapshot, may miss a name and add it twice.
    SET ownSite = SiteLookup(site),
        ownUser = DNLookup(globalUserName),
        ownVO = VOLookup(vo),
        ownGroup = VOGroupLookup(voGroup),
        ownRole = VORoleLookup(voRole),
        ownHost = SubmitHostLookup(submitHost);

    BEGIN
        DECLARE nothingLeft BOOLEAN DEFAULT FALSE;
        DECLARE otherType VARCHAR(50);
        DECLARE otherInfrastructure VARCHAR(20);
        DECLARE otherEarliest, otherLatest, otherUpdated DATETIME;
        DECLARE otherWall, otherCpu, otherNormalisedWall, otherNormalisedCpu, otherJobs BIGINT UNSIGNED;
        DECLARE otherPublisher INT;
        DECLARE CONTINUE HANDLER FOR NOT FOUND SET nothingLeft = TRUE;

        -- What the new row replaces under its key: an untyped one is the total of the key and replaces all
        -- others, a typed one replaces the untyped and its own type in another spelling. The look takes no
        -- lock, and only what it saw is deleted: to delete a row that is not there would lock the gap.
        replacing: LOOP
            SELECT
                n.ServiceLevelType, n.Infrastructure, n.EarliestEndTime, n.LatestEndTime, n.WallDuration,
                n.CpuDuration, n.NormalisedWallDuration, n.NormalisedCpuDuration, n.NumberOfJobs,
                n.PublisherDNID, n.UpdateTime
            INTO
                otherType, otherInfrastructure, otherEarliest, otherLatest, otherWall, otherCpu,
                otherNormalisedWall, otherNormalisedCpu, otherJobs, otherPublisher, otherUpdated
            FROM NormalisedSummaries AS n
            WHERE n.SiteID = ownSite
                AND n.Month = month
                AND n.Year = year
                AND n.GlobalUserNameID = ownUser
                AND n.VOID = ownVO
                AND n.VORoleID = ownRole
                AND n.VOGroupID = ownGroup
                AND n.SubmitHostId = ownHost
                AND n.NodeCount = nodeCount
                AND n.Processors = processors
                AND n.ServiceLevelType <> sentType
                AND (otherType IS NULL OR n.ServiceLevelType > otherType)
                AND (sentType = '' OR LOWER(TRIM(n.ServiceLevelType)) IN ('', 'none', 'null', sentType))
            ORDER BY n.ServiceLevelType
            LIMIT 1;

            IF nothingLeft THEN
                LEAVE replacing;
            END IF;

            BEGIN
                -- A record that cannot be kept (no table, no privilege, another shape) must not cost the
                -- message. The list is explicit, because errors that undo the transaction (deadlock, lock
                -- wait, changed snapshot) have to reach the caller.
                DECLARE CONTINUE HANDLER FOR
                    1017, 1036, 1048, 1054, 1062, 1114, 1142, 1143, 1146, 1264, 1265, 1356, 1364, 1366, 1406,
                    1449, 1467, 1471, 1932
                BEGIN
                END;

                INSERT INTO apelschema_replaced (
                    SourceTable, Reason, ReplacedByType, RowUpdateTime, SiteID, Month, Year,
                    GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId, Infrastructure,
                    ServiceLevelType, NodeCount, Processors, EarliestEndTime, LatestEndTime, WallDuration,
                    CpuDuration, NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID
                )
                VALUES (
                    'NormalisedSummaries', 'sent again', sentType, otherUpdated, ownSite, month, year,
                    ownUser, ownVO, ownGroup, ownRole, ownHost, otherInfrastructure, otherType, nodeCount,
                    processors, otherEarliest, otherLatest, otherWall, otherCpu, otherNormalisedWall,
                    otherNormalisedCpu, otherJobs, otherPublisher
                );
            END;

            DELETE FROM NormalisedSummaries
            WHERE NormalisedSummaries.SiteID = ownSite
                AND NormalisedSummaries.Month = month
                AND NormalisedSummaries.Year = year
                AND NormalisedSummaries.GlobalUserNameID = ownUser
                AND NormalisedSummaries.VOID = ownVO
                AND NormalisedSummaries.VORoleID = ownRole
                AND NormalisedSummaries.VOGroupID = ownGroup
                AND NormalisedSummaries.SubmitHostId = ownHost
                AND NormalisedSummaries.NodeCount = nodeCount
                AND NormalisedSummaries.Processors = processors
                AND NormalisedSummaries.ServiceLevelType = otherType;
        END LOOP;
    END;
END
