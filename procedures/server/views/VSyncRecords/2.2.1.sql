CREATE VIEW VSyncRecords AS
SELECT
    r.UpdateTime,
    site.name AS Site,
    host.name AS SubmitHost,
    r.NumberOfJobs,
    r.Month,
    r.Year
FROM SyncRecords AS r
INNER JOIN Sites AS site ON site.id = r.SiteID
INNER JOIN SubmitHosts AS host ON host.id = r.SubmitHostID
