CREATE VIEW VLcgRecordsSync_v2 AS
SELECT
    CONCAT(site.name, '-', r.Year, '-', r.Month) AS RecordIdentity,
    site.name AS ExecutingSite,
    SUM(r.NumberOfJobs) AS Njobs,
    NULL AS Ndays,
    NULL AS RecordStart,
    NULL AS RecordEnd,
    DATE(MAX(r.UpdateTime)) AS MeasurementDate,
    TIME(MAX(r.UpdateTime)) AS MeasurementTime
FROM SyncRecords AS r
INNER JOIN Sites AS site ON site.id = r.SiteID
GROUP BY
    site.name,
    r.Year,
    r.Month
