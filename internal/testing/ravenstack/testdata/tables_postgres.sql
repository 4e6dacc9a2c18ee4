-- The warehouse's tables from the raw ones, which hold the files' text.
create table accounts as
select account_id, account_name, industry, country, to_date(signup_date, 'DD-MM-YYYY') as signup_date
from raw_accounts;

create table subscriptions as
select subscription_id, account_id, plan_tier,
  to_date(start_date, 'DD-MM-YYYY') as start_date,
  to_date(nullif(end_date, ''), 'DD-MM-YYYY') as end_date,
  seats::integer as seats,
  mrr_amount::numeric as mrr_amount,
  arr_amount::numeric as arr_amount,
  is_trial::boolean as is_trial,
  auto_renew_flag::boolean as auto_renew
from raw_subscriptions;

create table feature_usage as
select subscription_id, feature_name,
  to_date(usage_date, 'DD-MM-YYYY') as usage_date,
  usage_count::integer as usage_count,
  error_count::integer as error_count
from raw_feature_usage;

create table tickets as
select ticket_id, account_id,
  to_date(submitted_at, 'DD-MM-YYYY') as submitted_at,
  to_timestamp(closed_at, 'DD-MM-YYYY HH24:MI')::timestamp as closed_at,
  nullif(satisfaction_score, '')::integer as satisfaction_score,
  escalation_flag::boolean as escalated
from raw_supports_ticket;
