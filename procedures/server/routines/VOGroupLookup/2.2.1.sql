CREATE FUNCTION VOGroupLookup (lookup VARCHAR(255))
RETURNS INTEGER
DETERMINISTIC
BEGIN
    DECLARE found INTEGER DEFAULT NULL;

    -- Not MIN(): a name that two loaders inserted at once has to be seen (1172), not hidden.
    SELECT known.id INTO found
    FROM VOGroups AS known
    WHERE known.name = lookup;

    IF found IS NULL THEN
        INSERT INTO VOGroups (name) VALUES (lookup);
        SET found = LAST_INSERT_ID();
    END IF;

    RETURN found;
END
