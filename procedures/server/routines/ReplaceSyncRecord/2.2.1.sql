CREATE PROCEDURE ReplaceSyncRecord (
    site VARCHAR(255),
    submitHost VARCHAR(255),
    njobs INT,
    month INT,
    year INT,
    publisherDN VARCHAR(255)
)
BEGIN
    REPLACE INTO SyncRecords (
        SiteID,
        SubmitHostID,
        NumberOfJobs,
        Month,
        Year,
        PublisherDNID
    )
    VALUES (
        SiteLookup(site),
        SubmitHostLookup(submitHost),
        njobs,
        month,
        year,
        DNLookup(publisherDN)
    );
END
