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
    infrastructureDescription VARCHAR(100),
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
    DECLARE sentInfrastructure VARCHAR(50) DEFAULT infrastructure;

    IF sentType IN ('none', 'null') THEN
        SET sentType = '';
    END IF;

    IF LOWER(TRIM(IFNULL(sentInfrastructure, ''))) IN ('', 'none', 'null') THEN
        SET sentInfrastructure = 'None';
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
        sentInfrastructure,
        infrastructureDescription,
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

    BEGIN
        DECLARE nothingLeft BOOLEAN DEFAULT FALSE;
        DECLARE otherType VARCHAR(50);
        DECLARE otherInfrastructure VARCHAR(20);
        DECLARE otherDescription VARCHAR(100);
        DECLARE otherEarliest, otherLatest, otherUpdated DATETIME;
        DECLARE otherWall, otherCpu, otherNormalisedWall, otherNormalisedCpu, otherJobs BIGINT UNSIGNED;
        DECLARE otherSite, otherUser, otherVO, otherGroup, otherRole, otherHost, otherPublisher INT;
        DECLARE CONTINUE HANDLER FOR NOT FOUND SET nothingLeft = TRUE;

        -- What the new row replaces under its key, less the type: an untyped one is the total of the key and
        -- replaces all others, a typed one replaces the untyped and its own type in another spelling. Rows of
        -- another infrastructure stay, but for 'None' in another spelling. The look takes no lock, and only
        -- what it saw is deleted: to delete a row that is not there would lock the gap. By the names
        -- themselves, because the lookup functions would take twice as long.
        replacing: LOOP
            SELECT
                n.SiteID, n.GlobalUserNameID, n.VOID, n.VOGroupID, n.VORoleID, n.SubmitHostId,
                n.ServiceLevelType, n.Infrastructure, n.InfrastructureDescription, n.EarliestEndTime,
                n.LatestEndTime, n.WallDuration, n.CpuDuration, n.NormalisedWallDuration,
                n.NormalisedCpuDuration, n.NumberOfJobs, n.PublisherDNID, n.UpdateTime
            INTO
                otherSite, otherUser, otherVO, otherGroup, otherRole, otherHost,
                otherType, otherInfrastructure, otherDescription, otherEarliest,
                otherLatest, otherWall, otherCpu, otherNormalisedWall,
                otherNormalisedCpu, otherJobs, otherPublisher, otherUpdated
            FROM NormalisedSummaries AS n
            WHERE n.SiteID = (SELECT known.id FROM Sites AS known WHERE known.name = site)
                AND n.Month = month
                AND n.Year = year
                AND n.GlobalUserNameID = (SELECT known.id FROM DNs AS known WHERE known.name = globalUserName)
                AND n.VOID = (SELECT known.id FROM VOs AS known WHERE known.name = vo)
                AND n.VORoleID = (SELECT known.id FROM VORoles AS known WHERE known.name = voRole)
                AND n.VOGroupID = (SELECT known.id FROM VOGroups AS known WHERE known.name = voGroup)
                AND n.SubmitHostId = (SELECT known.id FROM SubmitHosts AS known WHERE known.name = submitHost)
                AND n.NodeCount = nodeCount
                AND n.Processors = processors
                AND IF(
                    LOWER(TRIM(IFNULL(n.Infrastructure, ''))) IN ('', 'none', 'null'),
                    'None',
                    n.Infrastructure
                ) = sentInfrastructure
                AND (n.ServiceLevelType <> sentType OR IFNULL(n.Infrastructure, '') <> sentInfrastructure)
                AND (
                    otherType IS NULL
                    OR n.ServiceLevelType > otherType
                    OR (
                        n.ServiceLevelType = otherType
                        AND IFNULL(n.Infrastructure, '') > IFNULL(otherInfrastructure, '')
                    )
                )
                AND (sentType = '' OR LOWER(TRIM(n.ServiceLevelType)) IN ('', 'none', 'null', sentType))
            ORDER BY n.ServiceLevelType, IFNULL(n.Infrastructure, '')
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
                    InfrastructureDescription, ServiceLevelType, NodeCount, Processors, EarliestEndTime,
                    LatestEndTime, WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration,
                    NumberOfJobs, PublisherDNID
                )
                VALUES (
                    'NormalisedSummaries', 'sent again', sentType, otherUpdated, otherSite, month, year,
                    otherUser, otherVO, otherGroup, otherRole, otherHost, otherInfrastructure,
                    otherDescription, otherType, nodeCount, processors, otherEarliest,
                    otherLatest, otherWall, otherCpu, otherNormalisedWall, otherNormalisedCpu,
                    otherJobs, otherPublisher
                );
            END;

            DELETE FROM NormalisedSummaries
            WHERE NormalisedSummaries.SiteID = otherSite
                AND NormalisedSummaries.Month = month
                AND NormalisedSummaries.Year = year
                AND NormalisedSummaries.GlobalUserNameID = otherUser
                AND NormalisedSummaries.VOID = otherVO
                AND NormalisedSummaries.VORoleID = otherRole
                AND NormalisedSummaries.VOGroupID = otherGroup
                AND NormalisedSummaries.SubmitHostId = otherHost
                AND NormalisedSummaries.Infrastructure <=> otherInfrastructure
                AND NormalisedSummaries.NodeCount = nodeCount
                AND NormalisedSummaries.Processors = processors
                AND NormalisedSummaries.ServiceLevelType = otherType;
        END LOOP;
    END;
END
