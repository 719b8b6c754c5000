-- Migrations go forward only; this one takes everything with it.
drop schema quittance cascade;
