-- The tables and views of release 0.1.0 on SQLite. Never changed.

CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE infrastructure (
  id INTEGER NOT NULL,
  kind VARCHAR NOT NULL,
  nano_usd_per_hour BIGINT NOT NULL,
  billing_mode VARCHAR NOT NULL,
  billing_increment_seconds INTEGER NOT NULL,
  effective_from DATE NOT NULL,
  source VARCHAR NOT NULL,
  CONSTRAINT pk_infrastructure PRIMARY KEY (id),
  CONSTRAINT ck_infrastructure_nano_usd_per_hour CHECK (nano_usd_per_hour >= 0),
  CONSTRAINT uq_infrastructure UNIQUE (kind, nano_usd_per_hour, billing_mode, billing_increment_seconds, effective_from, source)
);

CREATE TABLE models (
  id INTEGER NOT NULL,
  provider VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  CONSTRAINT pk_models PRIMARY KEY (id),
  CONSTRAINT uq_models_provider_name UNIQUE (provider, name)
);

CREATE TABLE prices (
  id INTEGER NOT NULL,
  provider VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  effective_from DATE NOT NULL,
  effective_to DATE,
  version SMALLINT NOT NULL,
  input_nano_per_mtok BIGINT NOT NULL,
  cached_input_nano_per_mtok BIGINT,
  output_nano_per_mtok BIGINT NOT NULL,
  source VARCHAR NOT NULL,
  CONSTRAINT pk_prices PRIMARY KEY (id),
  CONSTRAINT ck_prices_input_nano_per_mtok CHECK (input_nano_per_mtok >= 0),
  CONSTRAINT ck_prices_cached_input_nano_per_mtok CHECK (cached_input_nano_per_mtok >= 0),
  CONSTRAINT ck_prices_output_nano_per_mtok CHECK (output_nano_per_mtok >= 0),
  CONSTRAINT ck_prices_days CHECK (effective_to > effective_from),
  CONSTRAINT uq_prices_provider_model_effective_from_version UNIQUE (provider, model, effective_from, version)
);

CREATE TABLE prompts (
  id INTEGER NOT NULL,
  workload VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  fingerprint VARCHAR NOT NULL,
  CONSTRAINT pk_prompts PRIMARY KEY (id),
  CONSTRAINT uq_prompts_workload_version_fingerprint UNIQUE (workload, version, fingerprint)
);

CREATE TABLE leases (
  workload VARCHAR NOT NULL,
  partition DATE NOT NULL,
  owner VARCHAR,
  epoch BIGINT NOT NULL,
  expires_at DATETIME NOT NULL,
  CONSTRAINT pk_leases PRIMARY KEY (workload, partition)
);

CREATE TABLE partition_versions (
  id BLOB NOT NULL,
  workload VARCHAR NOT NULL,
  partition DATE NOT NULL,
  version INTEGER NOT NULL,
  fingerprint VARCHAR NOT NULL,
  state VARCHAR NOT NULL,
  output_path VARCHAR,
  records BIGINT,
  quarantined BIGINT,
  published_at DATETIME,
  input_read BOOLEAN DEFAULT 0 NOT NULL,
  input_digest BLOB,
  based_on BLOB,
  purpose VARCHAR DEFAULT 'production' NOT NULL,
  CONSTRAINT pk_partition_versions PRIMARY KEY (id),
  CONSTRAINT ck_partition_versions_state CHECK (state IN ('open', 'published', 'superseded', 'abandoned')),
  CONSTRAINT fk_partition_versions_based_on FOREIGN KEY(based_on) REFERENCES partition_versions (id),
  CONSTRAINT uq_partition_versions_workload_partition_version UNIQUE (workload, partition, version)
);

CREATE UNIQUE INDEX uq_partition_versions_open ON partition_versions (workload, partition, purpose) WHERE state = 'open';

CREATE UNIQUE INDEX uq_partition_versions_published ON partition_versions (workload, partition, purpose) WHERE state = 'published';

CREATE TABLE archives (
  id BLOB NOT NULL,
  path VARCHAR NOT NULL,
  lines BIGINT NOT NULL,
  sha256 BLOB NOT NULL,
  first_at DATETIME NOT NULL,
  last_at DATETIME NOT NULL,
  created_at DATETIME NOT NULL,
  CONSTRAINT pk_archives PRIMARY KEY (id),
  CONSTRAINT ck_archives_lines CHECK (lines >= 0)
);

CREATE TABLE runs (
  id BLOB NOT NULL,
  version_id BLOB NOT NULL,
  workload VARCHAR NOT NULL,
  partition DATE NOT NULL,
  state VARCHAR NOT NULL,
  started_at DATETIME NOT NULL,
  ended_at DATETIME,
  engine VARCHAR NOT NULL,
  model_id SMALLINT NOT NULL,
  prompt_id SMALLINT NOT NULL,
  infrastructure_id SMALLINT,
  load_ns BIGINT NOT NULL,
  busy_ns BIGINT NOT NULL,
  idle_ns BIGINT NOT NULL,
  gpu_cost_nano BIGINT NOT NULL,
  unallocated_nano BIGINT NOT NULL,
  records BIGINT NOT NULL,
  published BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  reused BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  counterfactual_nano BIGINT,
  flow_run_id VARCHAR,
  error VARCHAR,
  api_cost_nano BIGINT DEFAULT '0' NOT NULL,
  escalated BIGINT DEFAULT '0' NOT NULL,
  carried BIGINT DEFAULT '0' NOT NULL,
  archive_id BLOB,
  purpose VARCHAR DEFAULT 'production' NOT NULL,
  CONSTRAINT pk_runs PRIMARY KEY (id),
  CONSTRAINT ck_runs_state CHECK (state IN ('running', 'waiting', 'completed', 'failed', 'interrupted')),
  CONSTRAINT ck_runs_load_ns CHECK (load_ns >= 0),
  CONSTRAINT ck_runs_busy_ns CHECK (busy_ns >= 0),
  CONSTRAINT ck_runs_idle_ns CHECK (idle_ns >= 0),
  CONSTRAINT ck_runs_gpu_cost_nano CHECK (gpu_cost_nano >= 0),
  CONSTRAINT ck_runs_unallocated_nano CHECK (unallocated_nano >= 0),
  CONSTRAINT ck_runs_api_cost_nano CHECK (api_cost_nano >= 0),
  CONSTRAINT fk_runs_archive_id FOREIGN KEY(archive_id) REFERENCES archives (id),
  CONSTRAINT fk_runs_infrastructure_id FOREIGN KEY(infrastructure_id) REFERENCES infrastructure (id),
  CONSTRAINT fk_runs_model_id FOREIGN KEY(model_id) REFERENCES models (id),
  CONSTRAINT fk_runs_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompts (id),
  CONSTRAINT fk_runs_version_id FOREIGN KEY(version_id) REFERENCES partition_versions (id)
);

CREATE INDEX ix_runs_workload_partition ON runs (workload, partition);

CREATE TABLE parts (
  id BLOB NOT NULL,
  version_id BLOB NOT NULL,
  run_id BLOB NOT NULL,
  file_name VARCHAR NOT NULL,
  records BIGINT NOT NULL,
  first_ordinal BIGINT NOT NULL,
  last_ordinal BIGINT NOT NULL,
  registered_at DATETIME NOT NULL,
  CONSTRAINT pk_parts PRIMARY KEY (id),
  CONSTRAINT fk_parts_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_parts_version_id FOREIGN KEY(version_id) REFERENCES partition_versions (id),
  CONSTRAINT uq_parts_version_id_file_name UNIQUE (version_id, file_name)
);

CREATE TABLE quarantined_counts (
  run_id BLOB NOT NULL,
  reason VARCHAR NOT NULL,
  count BIGINT NOT NULL,
  CONSTRAINT pk_quarantined_counts PRIMARY KEY (run_id, reason),
  CONSTRAINT ck_quarantined_counts_count CHECK (count >= 0),
  CONSTRAINT fk_quarantined_counts_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE TABLE waiting_counts (
  run_id BLOB NOT NULL,
  reason VARCHAR NOT NULL,
  count BIGINT NOT NULL,
  CONSTRAINT pk_waiting_counts PRIMARY KEY (run_id, reason),
  CONSTRAINT ck_waiting_counts_count CHECK (count >= 0),
  CONSTRAINT fk_waiting_counts_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);

CREATE TABLE batches (
  id BLOB NOT NULL,
  run_id BLOB NOT NULL,
  version_id BLOB NOT NULL,
  state VARCHAR NOT NULL,
  provider_batch_id VARCHAR,
  provider_file_id VARCHAR,
  file_name VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  requests BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  created_at DATETIME NOT NULL,
  submitted_at DATETIME,
  deadline DATETIME NOT NULL,
  closed_at DATETIME,
  error VARCHAR,
  CONSTRAINT pk_batches PRIMARY KEY (id),
  CONSTRAINT ck_batches_closed CHECK ((closed_at IS NULL) = (state IN ('intended', 'submitted'))),
  CONSTRAINT ck_batches_requests CHECK (requests >= 0),
  CONSTRAINT ck_batches_input_tokens CHECK (input_tokens >= 0),
  CONSTRAINT ck_batches_state CHECK (state IN ('intended', 'submitted', 'collected', 'failed', 'abandoned')),
  CONSTRAINT ck_batches_submitted CHECK (state != 'submitted' OR provider_batch_id IS NOT NULL),
  CONSTRAINT fk_batches_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_batches_version_id FOREIGN KEY(version_id) REFERENCES partition_versions (id)
);

CREATE TABLE ledger_lines (
  at DATETIME NOT NULL,
  cost_nano BIGINT,
  counterfactual_nano BIGINT,
  gpu_ns BIGINT,
  input_tokens INTEGER,
  cached_tokens INTEGER,
  output_tokens INTEGER,
  counterfactual_input_tokens INTEGER,
  counterfactual_output_tokens INTEGER,
  attempt SMALLINT NOT NULL,
  prompt_id SMALLINT NOT NULL,
  model_id SMALLINT NOT NULL,
  price_id SMALLINT,
  infrastructure_id SMALLINT,
  counterfactual_price_id SMALLINT,
  estimated BOOLEAN NOT NULL,
  id BLOB NOT NULL,
  run_id BLOB NOT NULL,
  requested VARCHAR NOT NULL,
  engine VARCHAR NOT NULL,
  outcome VARCHAR NOT NULL,
  request_hash BLOB NOT NULL,
  answer_hash BLOB,
  record_key VARCHAR NOT NULL,
  reason VARCHAR,
  reuses BLOB,
  batch_id BLOB,
  failure VARCHAR,
  CONSTRAINT pk_ledger_lines PRIMARY KEY (id),
  CONSTRAINT ck_ledger_lines_requested CHECK (requested IN ('vllm', 'openai', 'reuse')),
  CONSTRAINT ck_ledger_lines_engine CHECK (engine IN ('vllm', 'openai', 'reuse')),
  CONSTRAINT ck_ledger_lines_outcome CHECK (outcome IN ('ok', 'invalid_output', 'escalated', 'triage', 'failed', 'pending', 'unknown_outcome')),
  CONSTRAINT ck_ledger_lines_cached_tokens CHECK (cached_tokens >= 0 AND cached_tokens <= input_tokens),
  CONSTRAINT ck_ledger_lines_priced CHECK (cost_nano IS NULL OR engine = 'reuse' OR price_id IS NOT NULL OR infrastructure_id IS NOT NULL),
  CONSTRAINT ck_ledger_lines_reuses CHECK ((engine = 'reuse') = (reuses IS NOT NULL)),
  CONSTRAINT ck_ledger_lines_upper_bound CHECK (outcome NOT IN ('pending', 'unknown_outcome') OR (engine = 'openai' AND cost_nano IS NOT NULL)),
  CONSTRAINT ck_ledger_lines_cost_nano CHECK (cost_nano >= 0),
  CONSTRAINT ck_ledger_lines_counterfactual_nano CHECK (counterfactual_nano >= 0),
  CONSTRAINT ck_ledger_lines_gpu_ns CHECK (gpu_ns >= 0),
  CONSTRAINT ck_ledger_lines_input_tokens CHECK (input_tokens >= 0),
  CONSTRAINT ck_ledger_lines_output_tokens CHECK (output_tokens >= 0),
  CONSTRAINT fk_ledger_lines_batch_id FOREIGN KEY(batch_id) REFERENCES batches (id),
  CONSTRAINT fk_ledger_lines_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_ledger_lines_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompts (id),
  CONSTRAINT fk_ledger_lines_model_id FOREIGN KEY(model_id) REFERENCES models (id),
  CONSTRAINT fk_ledger_lines_price_id FOREIGN KEY(price_id) REFERENCES prices (id),
  CONSTRAINT fk_ledger_lines_infrastructure_id FOREIGN KEY(infrastructure_id) REFERENCES infrastructure (id),
  CONSTRAINT fk_ledger_lines_counterfactual_price_id FOREIGN KEY(counterfactual_price_id) REFERENCES prices (id),
  CONSTRAINT uq_ledger_lines_run_id_record_key_attempt UNIQUE (run_id, record_key, attempt)
);

CREATE INDEX ix_ledger_lines_pending ON ledger_lines (run_id) WHERE outcome = 'pending';

CREATE TABLE daily_usage (
  id INTEGER NOT NULL,
  run_id BLOB NOT NULL,
  day DATE NOT NULL,
  prompt_id SMALLINT NOT NULL,
  model_id SMALLINT NOT NULL,
  requested VARCHAR NOT NULL,
  engine VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  outcome VARCHAR NOT NULL,
  batched BOOLEAN NOT NULL,
  price_id SMALLINT,
  infrastructure_id SMALLINT,
  counterfactual_price_id SMALLINT,
  attempts BIGINT NOT NULL,
  records BIGINT NOT NULL,
  late_records BIGINT DEFAULT '0' NOT NULL,
  engine_records BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  cached_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  known_tokens BIGINT NOT NULL,
  estimated BIGINT NOT NULL,
  gpu_ns BIGINT NOT NULL,
  cost_nano BIGINT NOT NULL,
  upper_bound_nano BIGINT DEFAULT '0' NOT NULL,
  unknown_cost BIGINT NOT NULL,
  counterfactual_input_tokens BIGINT NOT NULL,
  counterfactual_cached_tokens BIGINT DEFAULT '0' NOT NULL,
  counterfactual_output_tokens BIGINT NOT NULL,
  counterfactual_nano BIGINT NOT NULL,
  unknown_counterfactual BIGINT NOT NULL,
  CONSTRAINT pk_daily_usage PRIMARY KEY (id),
  CONSTRAINT ck_daily_usage_attempts CHECK (attempts >= 0),
  CONSTRAINT ck_daily_usage_records CHECK (records >= 0),
  CONSTRAINT ck_daily_usage_late_records CHECK (late_records >= 0),
  CONSTRAINT ck_daily_usage_engine_records CHECK (engine_records >= 0),
  CONSTRAINT ck_daily_usage_input_tokens CHECK (input_tokens >= 0),
  CONSTRAINT ck_daily_usage_cached_tokens CHECK (cached_tokens >= 0),
  CONSTRAINT ck_daily_usage_output_tokens CHECK (output_tokens >= 0),
  CONSTRAINT ck_daily_usage_known_tokens CHECK (known_tokens >= 0),
  CONSTRAINT ck_daily_usage_estimated CHECK (estimated >= 0),
  CONSTRAINT ck_daily_usage_gpu_ns CHECK (gpu_ns >= 0),
  CONSTRAINT ck_daily_usage_cost_nano CHECK (cost_nano >= 0),
  CONSTRAINT ck_daily_usage_upper_bound_nano CHECK (upper_bound_nano >= 0),
  CONSTRAINT ck_daily_usage_unknown_cost CHECK (unknown_cost >= 0),
  CONSTRAINT ck_daily_usage_counterfactual_input_tokens CHECK (counterfactual_input_tokens >= 0),
  CONSTRAINT ck_daily_usage_counterfactual_cached_tokens CHECK (counterfactual_cached_tokens >= 0),
  CONSTRAINT ck_daily_usage_counterfactual_output_tokens CHECK (counterfactual_output_tokens >= 0),
  CONSTRAINT ck_daily_usage_counterfactual_nano CHECK (counterfactual_nano >= 0),
  CONSTRAINT ck_daily_usage_unknown_counterfactual CHECK (unknown_counterfactual >= 0),
  CONSTRAINT fk_daily_usage_run_id FOREIGN KEY(run_id) REFERENCES runs (id),
  CONSTRAINT fk_daily_usage_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompts (id),
  CONSTRAINT fk_daily_usage_model_id FOREIGN KEY(model_id) REFERENCES models (id),
  CONSTRAINT fk_daily_usage_price_id FOREIGN KEY(price_id) REFERENCES prices (id),
  CONSTRAINT fk_daily_usage_infrastructure_id FOREIGN KEY(infrastructure_id) REFERENCES infrastructure (id),
  CONSTRAINT fk_daily_usage_counterfactual_price_id FOREIGN KEY(counterfactual_price_id) REFERENCES prices (id)
);

CREATE INDEX ix_daily_usage_day ON daily_usage (day);

CREATE INDEX ix_daily_usage_run_id ON daily_usage (run_id);

CREATE TABLE api_spend (
  day DATE NOT NULL,
  workload VARCHAR NOT NULL,
  nano BIGINT NOT NULL,
  CONSTRAINT pk_api_spend PRIMARY KEY (day, workload),
  CONSTRAINT ck_api_spend_nano CHECK (nano >= 0)
);

CREATE TABLE infrastructure_terms (
  id INTEGER NOT NULL,
  kind VARCHAR NOT NULL,
  billing_mode VARCHAR NOT NULL,
  nano_usd_per_hour BIGINT,
  nano_usd_per_month BIGINT,
  billing_increment_seconds INTEGER NOT NULL,
  gpus SMALLINT NOT NULL,
  effective_from DATE NOT NULL,
  effective_to DATE,
  entered_at DATETIME NOT NULL,
  note VARCHAR,
  CONSTRAINT pk_infrastructure_terms PRIMARY KEY (id),
  CONSTRAINT ck_infrastructure_terms_billing_mode CHECK (billing_mode IN ('on_demand', 'reserved')),
  CONSTRAINT ck_infrastructure_terms_billing_increment_seconds CHECK (billing_increment_seconds >= 1),
  CONSTRAINT ck_infrastructure_terms_days CHECK (effective_to > effective_from),
  CONSTRAINT ck_infrastructure_terms_nano_usd_per_hour CHECK (nano_usd_per_hour >= 0),
  CONSTRAINT ck_infrastructure_terms_nano_usd_per_month CHECK (nano_usd_per_month >= 0),
  CONSTRAINT ck_infrastructure_terms_gpus CHECK (gpus >= 0),
  CONSTRAINT ck_infrastructure_terms_monthly CHECK (nano_usd_per_month IS NULL OR billing_mode = 'reserved'),
  CONSTRAINT ck_infrastructure_terms_rate CHECK ((nano_usd_per_hour IS NULL) != (nano_usd_per_month IS NULL))
);

CREATE TABLE bills (
  id INTEGER NOT NULL,
  month DATE NOT NULL,
  nano_usd BIGINT NOT NULL,
  entered_at DATETIME NOT NULL,
  note VARCHAR,
  CONSTRAINT pk_bills PRIMARY KEY (id),
  CONSTRAINT ck_bills_nano_usd CHECK (nano_usd >= 0)
);

CREATE TABLE labour_terms (
  id INTEGER NOT NULL,
  effective_from DATE NOT NULL,
  maintenance_minutes INTEGER NOT NULL,
  setup_minutes INTEGER NOT NULL,
  engineer_nano_per_hour BIGINT NOT NULL,
  entered_at DATETIME NOT NULL,
  note VARCHAR,
  CONSTRAINT pk_labour_terms PRIMARY KEY (id),
  CONSTRAINT ck_labour_terms_maintenance_minutes CHECK (maintenance_minutes >= 0),
  CONSTRAINT ck_labour_terms_setup_minutes CHECK (setup_minutes >= 0),
  CONSTRAINT ck_labour_terms_engineer_nano_per_hour CHECK (engineer_nano_per_hour >= 0)
);

CREATE TABLE reports (
  id BLOB NOT NULL,
  month DATE NOT NULL,
  version SMALLINT NOT NULL,
  created_at DATETIME NOT NULL,
  fingerprint VARCHAR NOT NULL,
  complete BOOLEAN NOT NULL,
  software VARCHAR NOT NULL,
  inputs VARCHAR NOT NULL,
  figures VARCHAR NOT NULL,
  changes VARCHAR,
  CONSTRAINT pk_reports PRIMARY KEY (id),
  CONSTRAINT ck_reports_version CHECK (version >= 1),
  CONSTRAINT uq_reports_month_version UNIQUE (month, version)
);

CREATE TABLE deliveries (
  id BLOB NOT NULL,
  report_id BLOB NOT NULL,
  month DATE NOT NULL,
  channel VARCHAR NOT NULL,
  target VARCHAR NOT NULL,
  number SMALLINT NOT NULL,
  state VARCHAR NOT NULL,
  attempts INTEGER NOT NULL,
  owner VARCHAR NOT NULL,
  first_at DATETIME NOT NULL,
  last_at DATETIME NOT NULL,
  error VARCHAR,
  CONSTRAINT pk_deliveries PRIMARY KEY (id),
  CONSTRAINT ck_deliveries_channel CHECK (channel IN ('mail', 'chat')),
  CONSTRAINT ck_deliveries_state CHECK (state IN ('sending', 'sent', 'failed')),
  CONSTRAINT ck_deliveries_attempts CHECK (attempts >= 0),
  CONSTRAINT fk_deliveries_report_id FOREIGN KEY(report_id) REFERENCES reports (id),
  CONSTRAINT uq_deliveries_month_channel_target_number UNIQUE (month, channel, target, number)
);

CREATE TABLE evaluations (
  id BLOB NOT NULL,
  at DATETIME NOT NULL,
  workload VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  api_model VARCHAR,
  prompt_version VARCHAR NOT NULL,
  prompt_fingerprint VARCHAR NOT NULL,
  labels_digest VARCHAR NOT NULL,
  records INTEGER NOT NULL,
  viability VARCHAR NOT NULL,
  accuracy DOUBLE,
  api_accuracy DOUBLE,
  ratio DOUBLE,
  ratio_low DOUBLE,
  ratio_high DOUBLE,
  threshold DOUBLE,
  software VARCHAR NOT NULL,
  figures VARCHAR NOT NULL,
  CONSTRAINT pk_evaluations PRIMARY KEY (id),
  CONSTRAINT ck_evaluations_viability CHECK (viability IN ('viable', 'not_viable', 'undecided')),
  CONSTRAINT ck_evaluations_records CHECK (records >= 0)
);

CREATE INDEX ix_evaluations_workload_at ON evaluations (workload, at);

CREATE VIEW usage_daily AS SELECT u.day AS day, prompts.workload AS workload, prompts.version AS prompt_version, models.provider AS provider, models.name AS model, u.requested AS requested, u.engine AS engine, nullif(u.reason, '') AS reason, CASE WHEN u.requested = u.engine THEN u.engine ELSE u.requested || '>' || u.engine END || CASE WHEN u.reason = '' THEN '' ELSE ':' || u.reason END AS route, u.outcome AS outcome, u.batched AS batched, CAST(sum(u.attempts) AS BIGINT) AS attempts, CAST(sum(u.records) AS BIGINT) AS records, CAST(sum(u.engine_records) AS BIGINT) AS engine_records, CASE WHEN sum(u.known_tokens) > 0 THEN CAST(sum(u.input_tokens) AS BIGINT) END AS input_tokens, CASE WHEN sum(u.known_tokens) > 0 THEN CAST(sum(u.cached_tokens) AS BIGINT) END AS cached_tokens, CASE WHEN sum(u.known_tokens) > 0 THEN CAST(sum(u.output_tokens) AS BIGINT) END AS output_tokens, CAST(sum(u.known_tokens) AS BIGINT) AS known_tokens, CAST(sum(u.estimated) AS BIGINT) AS estimated, CAST(sum(u.gpu_ns) AS BIGINT) AS gpu_ns, CASE WHEN sum(u.unknown_cost) = 0 THEN CAST(sum(u.cost_nano) AS BIGINT) END AS cost_nano, (CASE WHEN sum(u.unknown_cost) = 0 THEN CAST(sum(u.cost_nano) AS BIGINT) END) * 0.000000001 AS cost_usd, CAST(sum(u.upper_bound_nano) AS BIGINT) AS upper_bound_nano, (CAST(sum(u.upper_bound_nano) AS BIGINT)) * 0.000000001 AS upper_bound_usd, CAST(sum(u.unknown_cost) AS BIGINT) AS unknown_cost, CAST(sum(u.counterfactual_input_tokens) AS BIGINT) AS counterfactual_input_tokens, CAST(sum(u.counterfactual_output_tokens) AS BIGINT) AS counterfactual_output_tokens, CASE WHEN sum(u.unknown_counterfactual) = 0 THEN CAST(sum(u.counterfactual_nano) AS BIGINT) END AS counterfactual_nano, (CASE WHEN sum(u.unknown_counterfactual) = 0 THEN CAST(sum(u.counterfactual_nano) AS BIGINT) END) * 0.000000001 AS counterfactual_usd, CAST(sum(u.unknown_counterfactual) AS BIGINT) AS unknown_counterfactual, runs.purpose AS purpose FROM daily_usage AS u JOIN prompts ON prompts.id = u.prompt_id JOIN models ON models.id = u.model_id JOIN runs ON runs.id = u.run_id GROUP BY u.day, prompts.workload, prompts.version, models.provider, models.name, u.requested, u.engine, nullif(u.reason, ''), CASE WHEN u.requested = u.engine THEN u.engine ELSE u.requested || '>' || u.engine END || CASE WHEN u.reason = '' THEN '' ELSE ':' || u.reason END, u.outcome, u.batched, runs.purpose;

CREATE VIEW usage_monthly AS SELECT substr(day, 1, 7) AS month, workload, prompt_version, provider, model, requested, engine, reason, route, outcome, batched, CAST(sum(attempts) AS BIGINT) AS attempts, CAST(sum(records) AS BIGINT) AS records, CAST(sum(engine_records) AS BIGINT) AS engine_records, CASE WHEN sum(known_tokens) > 0 THEN CAST(sum(input_tokens) AS BIGINT) END AS input_tokens, CASE WHEN sum(known_tokens) > 0 THEN CAST(sum(cached_tokens) AS BIGINT) END AS cached_tokens, CASE WHEN sum(known_tokens) > 0 THEN CAST(sum(output_tokens) AS BIGINT) END AS output_tokens, CAST(sum(known_tokens) AS BIGINT) AS known_tokens, CAST(sum(estimated) AS BIGINT) AS estimated, CAST(sum(gpu_ns) AS BIGINT) AS gpu_ns, CASE WHEN sum(unknown_cost) = 0 THEN CAST(sum(cost_nano) AS BIGINT) END AS cost_nano, (CASE WHEN sum(unknown_cost) = 0 THEN CAST(sum(cost_nano) AS BIGINT) END) * 0.000000001 AS cost_usd, CAST(sum(upper_bound_nano) AS BIGINT) AS upper_bound_nano, (CAST(sum(upper_bound_nano) AS BIGINT)) * 0.000000001 AS upper_bound_usd, CAST(sum(unknown_cost) AS BIGINT) AS unknown_cost, CAST(sum(counterfactual_input_tokens) AS BIGINT) AS counterfactual_input_tokens, CAST(sum(counterfactual_output_tokens) AS BIGINT) AS counterfactual_output_tokens, CASE WHEN sum(unknown_counterfactual) = 0 THEN CAST(sum(counterfactual_nano) AS BIGINT) END AS counterfactual_nano, (CASE WHEN sum(unknown_counterfactual) = 0 THEN CAST(sum(counterfactual_nano) AS BIGINT) END) * 0.000000001 AS counterfactual_usd, CAST(sum(unknown_counterfactual) AS BIGINT) AS unknown_counterfactual, purpose FROM usage_daily GROUP BY substr(day, 1, 7), workload, prompt_version, provider, model, requested, engine, reason, route, outcome, batched, purpose;

CREATE VIEW run_costs AS SELECT CASE WHEN runs.id IS NOT NULL THEN substr(lower(hex(runs.id)), 1, 8) || '-' || substr(lower(hex(runs.id)), 9, 4) || '-' || substr(lower(hex(runs.id)), 13, 4) || '-' || substr(lower(hex(runs.id)), 17, 4) || '-' || substr(lower(hex(runs.id)), 21, 12) END AS run_id, runs.workload AS workload, runs.partition AS partition, runs.state AS state, runs.started_at AS started_at, runs.ended_at AS ended_at, runs.engine AS engine, models.name AS model, prompts.version AS prompt_version, infrastructure.kind AS infrastructure, infrastructure.billing_mode AS billing_mode, infrastructure.nano_usd_per_hour AS hourly_rate_nano, (infrastructure.nano_usd_per_hour) * 0.000000001 AS hourly_rate_usd, runs.records AS records, runs.published AS published, runs.quarantined AS quarantined, runs.reused AS reused, runs.carried AS carried, runs.escalated AS escalated, runs.input_tokens AS input_tokens, runs.cached_tokens AS cached_tokens, runs.output_tokens AS output_tokens, runs.load_ns AS load_ns, runs.busy_ns AS busy_ns, runs.idle_ns AS idle_ns, runs.gpu_cost_nano AS gpu_cost_nano, (runs.gpu_cost_nano) * 0.000000001 AS gpu_cost_usd, runs.unallocated_nano AS unallocated_nano, (runs.unallocated_nano) * 0.000000001 AS unallocated_usd, runs.api_cost_nano AS api_cost_nano, (runs.api_cost_nano) * 0.000000001 AS api_cost_usd, (SELECT coalesce(CAST(sum(u.cost_nano) AS BIGINT), 0) FROM daily_usage AS u WHERE u.run_id = runs.id AND u.outcome = 'pending') AS pending_nano, ((SELECT coalesce(CAST(sum(u.cost_nano) AS BIGINT), 0) FROM daily_usage AS u WHERE u.run_id = runs.id AND u.outcome = 'pending')) * 0.000000001 AS pending_usd, (runs.gpu_cost_nano + runs.api_cost_nano) AS cost_nano, ((runs.gpu_cost_nano + runs.api_cost_nano)) * 0.000000001 AS cost_usd, runs.counterfactual_nano AS counterfactual_nano, (runs.counterfactual_nano) * 0.000000001 AS counterfactual_usd, runs.flow_run_id AS flow_run_id, archives.path AS archive_path, runs.error AS error, runs.purpose AS purpose FROM runs JOIN models ON models.id = runs.model_id JOIN prompts ON prompts.id = runs.prompt_id LEFT JOIN infrastructure ON infrastructure.id = runs.infrastructure_id LEFT JOIN archives ON archives.id = runs.archive_id;

CREATE VIEW line_details AS SELECT CASE WHEN l.id IS NOT NULL THEN substr(lower(hex(l.id)), 1, 8) || '-' || substr(lower(hex(l.id)), 9, 4) || '-' || substr(lower(hex(l.id)), 13, 4) || '-' || substr(lower(hex(l.id)), 17, 4) || '-' || substr(lower(hex(l.id)), 21, 12) END AS id, CASE WHEN l.run_id IS NOT NULL THEN substr(lower(hex(l.run_id)), 1, 8) || '-' || substr(lower(hex(l.run_id)), 9, 4) || '-' || substr(lower(hex(l.run_id)), 13, 4) || '-' || substr(lower(hex(l.run_id)), 17, 4) || '-' || substr(lower(hex(l.run_id)), 21, 12) END AS run_id, prompts.workload AS workload, runs.partition AS partition, prompts.version AS prompt_version, l.record_key AS record_key, l.attempt AS attempt, l.at AS at, l.requested AS requested, l.engine AS engine, l.reason AS reason, CASE WHEN l.requested = l.engine THEN l.engine ELSE l.requested || '>' || l.engine END || coalesce(':' || l.reason, '') AS route, l.outcome AS outcome, l.failure AS failure, models.provider AS provider, models.name AS model, l.input_tokens AS input_tokens, l.cached_tokens AS cached_tokens, l.output_tokens AS output_tokens, l.estimated AS estimated, l.gpu_ns AS gpu_ns, l.cost_nano AS cost_nano, (l.cost_nano) * 0.000000001 AS cost_usd, l.price_id AS price_id, infrastructure.kind AS infrastructure, l.counterfactual_input_tokens AS counterfactual_input_tokens, l.counterfactual_output_tokens AS counterfactual_output_tokens, l.counterfactual_nano AS counterfactual_nano, (l.counterfactual_nano) * 0.000000001 AS counterfactual_usd, l.counterfactual_price_id AS counterfactual_price_id, CASE WHEN l.request_hash IS NOT NULL THEN lower(hex(l.request_hash)) END AS request_hash, CASE WHEN l.answer_hash IS NOT NULL THEN lower(hex(l.answer_hash)) END AS answer_hash, CASE WHEN l.reuses IS NOT NULL THEN substr(lower(hex(l.reuses)), 1, 8) || '-' || substr(lower(hex(l.reuses)), 9, 4) || '-' || substr(lower(hex(l.reuses)), 13, 4) || '-' || substr(lower(hex(l.reuses)), 17, 4) || '-' || substr(lower(hex(l.reuses)), 21, 12) END AS reuses, CASE WHEN l.batch_id IS NOT NULL THEN substr(lower(hex(l.batch_id)), 1, 8) || '-' || substr(lower(hex(l.batch_id)), 9, 4) || '-' || substr(lower(hex(l.batch_id)), 13, 4) || '-' || substr(lower(hex(l.batch_id)), 17, 4) || '-' || substr(lower(hex(l.batch_id)), 21, 12) END AS batch_id, runs.purpose AS purpose FROM ledger_lines AS l JOIN runs ON runs.id = l.run_id JOIN prompts ON prompts.id = l.prompt_id JOIN models ON models.id = l.model_id LEFT JOIN infrastructure ON infrastructure.id = l.infrastructure_id;

CREATE VIEW price_versions AS SELECT p.id AS id, p.provider AS provider, p.model AS model, p.effective_from AS effective_from, p.effective_to AS effective_to, p.version AS version, NOT EXISTS (SELECT 1 FROM prices AS n WHERE n.provider = p.provider AND n.model = p.model AND n.effective_from = p.effective_from AND n.version > p.version) AS newest, p.input_nano_per_mtok AS input_nano_per_mtok, (p.input_nano_per_mtok) * 0.000000001 AS input_usd_per_mtok, p.cached_input_nano_per_mtok AS cached_input_nano_per_mtok, (p.cached_input_nano_per_mtok) * 0.000000001 AS cached_input_usd_per_mtok, p.output_nano_per_mtok AS output_nano_per_mtok, (p.output_nano_per_mtok) * 0.000000001 AS output_usd_per_mtok, p.source AS source FROM prices AS p;

INSERT INTO alembic_version (version_num) VALUES ('0.1.0');
