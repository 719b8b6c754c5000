drop table quittance.lone_tries;
