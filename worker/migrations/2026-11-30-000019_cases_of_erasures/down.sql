set local search_path to quittance;

drop index cases_by_transaction;
drop index cases_by_number;
