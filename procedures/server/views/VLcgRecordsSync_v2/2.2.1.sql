CREATE VIEW VLcgRecordsSync_v2 AS
SELECT
    CONCAT(site.name, '-', r.Year, '-', r.Month) AS RecordIdentity,
    site.name AS ExecutingSite,
    SUM(r.NumberOfJobs) AS Njobs,
    NULL AS Ndays,
    NULL AS RecordStart,
    NULL AS RecordEnd,
    -- The time of any one row of the group, as the engine pleases.
    DATE(r.UpdateTime) AS MeasurementDate,
    TIME(r.UpdateTime) AS MeasurementTime
FROM SyncRecords AS r
INNER JOIN Sites AS site ON site.id = r.SiteID
GROUP BY
    RecordIdentity
