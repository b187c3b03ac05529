CREATE PROCEDURE UpdateTimestamp (type VARCHAR(255))
BEGIN
    REPLACE INTO LastUpdated (Type) VALUES (type);
END
