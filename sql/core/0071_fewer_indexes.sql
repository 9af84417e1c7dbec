-- Every callback writes an event and a job, and each index of theirs is a twenty-fifth of what the database does for it. A list of one kind of
-- jobs, or of one endpoint's events, is found from the newest row backwards; common ones at once, rare ones by reading what retention keeps.
ALTER TABLE job DROP KEY IF EXISTS kind;
ALTER TABLE inbox_event DROP KEY IF EXISTS endpoint;
