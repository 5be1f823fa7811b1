-- A code per row, by which it shows that somebody else has changed it; engine/journal/codes.py makes them.
--
-- A state whose fingerprint is not that of the key has all its rows coded anew. A later migration that changes rows or
-- adds columns therefore needs no line about codes: those of all rows are made again in the last step of an upgrade.

CREATE TABLE row_key (fingerprint BLOB NOT NULL);

ALTER TABLE program ADD COLUMN row_code BLOB;
ALTER TABLE rule ADD COLUMN row_code BLOB;
ALTER TABLE event ADD COLUMN row_code BLOB;
ALTER TABLE seen ADD COLUMN row_code BLOB;
ALTER TABLE run ADD COLUMN row_code BLOB;
ALTER TABLE step ADD COLUMN row_code BLOB;
ALTER TABLE effect ADD COLUMN row_code BLOB;
ALTER TABLE inbox ADD COLUMN row_code BLOB;
ALTER TABLE due ADD COLUMN row_code BLOB;
ALTER TABLE memory ADD COLUMN row_code BLOB;
ALTER TABLE wait ADD COLUMN row_code BLOB;
ALTER TABLE entity ADD COLUMN row_code BLOB;
ALTER TABLE history ADD COLUMN row_code BLOB;
ALTER TABLE problem ADD COLUMN row_code BLOB;
ALTER TABLE command ADD COLUMN row_code BLOB;
