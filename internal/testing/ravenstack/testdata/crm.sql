-- One row for each subscription that runs on 2024-12-31; the DataSource adds them up.
select a.account_id, a.account_name, a.industry, a.country, a.signup_date, s.start_date, s.arr_amount, s.seats
from accounts a
join subscriptions s on s.account_id = a.account_id
where s.start_date <= '2024-12-31' and (s.end_date is null or s.end_date > '2024-12-31')
