-- The number of the execution that a rollback brings back, so that another rollback goes further back.
ALTER TABLE execution ADD COLUMN rollback_to INTEGER;
