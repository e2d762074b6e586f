ALTER TABLE state_mapping ADD COLUMN units TEXT;
