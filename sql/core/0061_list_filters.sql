-- What lists are filtered by.
CREATE INDEX IF NOT EXISTS kind ON job (kind);
CREATE INDEX IF NOT EXISTS created_at ON job (created_at);
CREATE INDEX IF NOT EXISTS endpoint ON inbox_event (endpoint);
CREATE INDEX IF NOT EXISTS kind ON outbound_call (kind);
CREATE INDEX IF NOT EXISTS created_at ON outbound_call (created_at);
CREATE INDEX IF NOT EXISTS role ON api_key (role);
CREATE INDEX IF NOT EXISTS created_by ON api_key (created_by);
