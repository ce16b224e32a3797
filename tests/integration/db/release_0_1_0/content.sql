-- Every table of a ledger that release 0.1.0 wrote, for both databases: `uuid` and `bytea` are PostgreSQL's words. Never changed.

INSERT INTO api_spend (day, workload, nano) VALUES
('2026-11-29', 'sentiment', 368775);

INSERT INTO archives (id, path, lines, sha256, first_at, last_at, created_at) VALUES
(uuid '01a227ec-f8a5-7749-b6a4-f9e1784e9606', 'archive/month=2026-11/lines-728aa8c3-01a227ec-f8a5-7749-b6a4-f9e1784e9606.parquet', 14, bytea '\xd9344eaf108d574c6953c7801cc691a7861f00c7001b0129888074670361cfd6', '2026-11-29 15:29:30.236835', '2026-11-29 15:29:30.476296', '2026-11-29 15:29:31.372184');

INSERT INTO bills (id, month, nano_usd, entered_at, note) VALUES
(1, '2026-10-01', 900000000000, '2026-11-29 15:29:34.707652', 'it''s "billed"; once');

INSERT INTO evaluations (id, at, workload, model, api_model, prompt_version, prompt_fingerprint, labels_digest, records, viability, accuracy, api_accuracy, ratio, ratio_low, ratio_high, threshold, software, figures) VALUES
(uuid '01a227ed-0602-7257-934e-3de0750c8e9d', '2026-11-29 06:00:00.000000', 'sentiment', 'tests/scripted', 'test-model', '1', 'fingerprint', 'labels', 13, 'viable', 0.93, 0.95, 0.9789473684210527, 0.95, 1.01, 0.4, '0.1.0', '{"records": 13}');

INSERT INTO infrastructure (id, kind, nano_usd_per_hour, billing_mode, billing_increment_seconds, effective_from, source) VALUES
(1, 'cpu', 1006000000, 'on_demand', 1, '1970-01-01', 'settings');

INSERT INTO infrastructure_terms (id, kind, billing_mode, nano_usd_per_hour, nano_usd_per_month, billing_increment_seconds, gpus, effective_from, effective_to, entered_at, note) VALUES
(1, 'A10G', 'reserved', NULL, 600000000000, 3600, 2, '2026-01-01', NULL, '2026-11-29 15:29:34.705143', 'a year'),
(2, 'A10G', 'on_demand', 1006000000, NULL, 1, 1, '2026-01-01', '2026-12-01', '2026-11-29 15:29:34.706909', NULL);

INSERT INTO labour_terms (id, effective_from, maintenance_minutes, setup_minutes, engineer_nano_per_hour, entered_at, note) VALUES
(1, '2026-01-01', 120, 2400, 90000000000, '2026-11-29 15:29:34.721351', NULL);

INSERT INTO leases (workload, partition, owner, epoch, expires_at) VALUES
('sentiment', '2026-10-31', NULL, 1, '2026-11-29 15:29:31.150033'),
('sentiment', '2026-11-01', NULL, 2, '2026-11-29 15:29:33.377731'),
('sentiment', '2026-11-03', NULL, 1, '2026-11-29 15:29:34.624463'),
('sentiment evaluation_small', '2026-11-02', NULL, 1, '2026-11-29 15:29:33.865040');

INSERT INTO models (id, provider, name) VALUES
(1, 'vllm', 'tests/scripted'),
(2, 'openai', 'test-model');

INSERT INTO partition_versions (id, workload, partition, version, fingerprint, state, output_path, records, quarantined, published_at, input_read, input_digest, based_on, purpose) VALUES
(uuid '01a227ec-f18e-72b2-bf99-3b03353bc72d', 'sentiment', '2026-10-31', 1, '4f3b0b59e8b88ace', 'published', 'out/sentiment/date=2026-10-31/records.parquet', 13, 1, '2026-11-29 15:29:31.075892', false, bytea '\x863da63a9fa0cb50ffa9409b9a89ef1b', NULL, 'production'),
(uuid '01a227ec-f9b0-7045-b854-4981437d0d6d', 'sentiment', '2026-11-01', 1, '4f3b0b59e8b88ace', 'superseded', 'out/sentiment/date=2026-11-01/records.parquet', 13, 1, '2026-11-29 15:29:32.402808', false, bytea '\x863da63a9fa0cb50ffa9409b9a89ef1b', NULL, 'production'),
(uuid '01a227ec-fe00-71ed-8e7f-e23f7f733f3f', 'sentiment', '2026-11-01', 2, '4f3b0b59e8b88ace', 'published', 'out/sentiment/date=2026-11-01/records.parquet', 13, 5, '2026-11-29 15:29:33.350697', false, bytea '\x6eb236eab175babcbc9deaa03f0e5c12', uuid '01a227ec-f9b0-7045-b854-4981437d0d6d', 'production'),
(uuid '01a227ed-013c-74dc-8a82-2c81834e3e62', 'sentiment', '2026-11-02', 1, 'b95fdef57a9e92eb', 'published', 'out/.evaluations/sentiment/evaluation_small/date=2026-11-02/records.parquet', 13, 5, '2026-11-29 15:29:33.815421', false, bytea '\x6eb236eab175babcbc9deaa03f0e5c12', NULL, 'evaluation_small'),
(uuid '01a227ed-02e7-76a9-a32a-bf5a997f1c5f', 'sentiment', '2026-11-03', 1, '0ef9960439e535c1', 'open', NULL, NULL, NULL, NULL, true, NULL, NULL, 'production');

INSERT INTO prices (id, provider, model, effective_from, effective_to, version, input_nano_per_mtok, cached_input_nano_per_mtok, output_nano_per_mtok, source) VALUES
(1, 'settings', 'test-model', '1970-01-01', NULL, 1, 150000000, 75000000, 600000000, 'settings'),
(2, 'settings', 'test-model:batch', '1970-01-01', NULL, 1, 75000000, 37500000, 300000000, 'settings, less 50 % (batch)');

INSERT INTO prompts (id, workload, version, fingerprint) VALUES
(1, 'sentiment', '1', '37f49dcb1a92cdd0');

INSERT INTO reports (id, month, version, created_at, fingerprint, complete, software, inputs, figures, changes) VALUES
(uuid '01a227ed-05d9-711d-baaf-80509cc964f9', '2026-10-01', 1, '2026-11-29 06:00:00.000000', 'f1', true, '0.1.0', '{"month": "2026-10"}', '{"verdict": "own"}', NULL),
(uuid '01a227ed-05e6-735c-ad50-2a8d1364f63a', '2026-10-01', 2, '2026-11-29 07:00:00.000000', 'f2', true, '0.1.0', '{"month": "2026-10", "bills": 1}', '{"verdict": "api"}', '["Bill: none before, $900 now"]');

INSERT INTO deliveries (id, report_id, month, channel, target, number, state, attempts, owner, first_at, last_at, error) VALUES
(uuid '01a227ed-05ef-7173-a748-6f941fb7116e', uuid '01a227ed-05d9-711d-baaf-80509cc964f9', '2026-10-01', 'mail', 'finance@example.org', 1, 'sending', 1, 'owner-1', '2026-11-29 15:29:34.703054', '2026-11-29 15:29:34.703054', NULL);

INSERT INTO runs (id, version_id, workload, partition, state, started_at, ended_at, engine, model_id, prompt_id, infrastructure_id, load_ns, busy_ns, idle_ns, gpu_cost_nano, unallocated_nano, records, published, quarantined, reused, input_tokens, cached_tokens, output_tokens, counterfactual_nano, flow_run_id, error, api_cost_nano, escalated, carried, archive_id, purpose) VALUES
(uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', uuid '01a227ec-f18e-72b2-bf99-3b03353bc72d', 'sentiment', '2026-10-31', 'completed', '2026-11-29 15:29:30.168391', '2026-11-29 15:29:31.115824', 'vllm', 1, 1, 1, 1525511, 191197, 3034349894, 848412, 0, 14, 13, 1, 5, 720, 72, 14, 184050, NULL, NULL, 15000, 1, 0, uuid '01a227ec-f8a5-7749-b6a4-f9e1784e9606', 'production'),
(uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', uuid '01a227ec-f9b0-7045-b854-4981437d0d6d', 'sentiment', '2026-11-01', 'completed', '2026-11-29 15:29:31.721428', '2026-11-29 15:29:32.412256', 'vllm', 1, 1, 1, 3008983, 154669, 670399388, 188223, 0, 14, 13, 1, 6, 880, 88, 26, 165750, NULL, NULL, 45000, 4, 0, NULL, 'production'),
(uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', uuid '01a227ec-fe00-71ed-8e7f-e23f7f733f3f', 'sentiment', '2026-11-01', 'completed', '2026-11-29 15:29:32.749544', '2026-11-29 15:29:33.364053', 'vllm', 1, 1, 1, 90178, 106109, 721288559, 201615, 46392, 18, 13, 5, 3, 640, 64, 18, 126600, NULL, NULL, 30000, 2, 4, NULL, 'production'),
(uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', uuid '01a227ed-013c-74dc-8a82-2c81834e3e62', 'sentiment', '2026-11-02', 'completed', '2026-11-29 15:29:33.608369', '2026-11-29 15:29:33.827772', 'vllm', 1, 1, 1, 2192667, 98545, 271381428, 76476, 0, 18, 13, 5, 3, 800, 80, 10, 241500, NULL, NULL, 0, 0, 0, NULL, 'evaluation_small'),
(uuid '01a227ed-0347-756a-a92f-8575d506751b', uuid '01a227ed-02e7-76a9-a32a-bf5a997f1c5f', 'sentiment', '2026-11-03', 'waiting', '2026-11-29 15:29:34.022115', '2026-11-29 15:29:34.615726', 'vllm', 1, 1, 1, 84487, 73417, 685971557, 191735, 140689, 2, 2, 0, 0, 400, 40, 5, 48300, NULL, NULL, 0, 0, 0, NULL, 'production');

INSERT INTO batches (id, run_id, version_id, state, provider_batch_id, provider_file_id, file_name, model, requests, input_tokens, created_at, submitted_at, deadline, closed_at, error) VALUES
(uuid '01a227ed-03fa-74c2-bd34-4c00dd73594a', uuid '01a227ed-0347-756a-a92f-8575d506751b', uuid '01a227ed-02e7-76a9-a32a-bf5a997f1c5f', 'submitted', 'batch_e1c3574e8f324f8bb12cfb531b20541e', 'file-be03f7b6fe574c1087ecc08775136575', 'breakeven-01a227ed03fa74c2bd344c00dd73594a.jsonl', 'test-model', 3, 474, '2026-11-29 15:29:34.215271', '2026-11-29 15:29:34.589090', '2026-11-30 17:29:34.215271', NULL, NULL);

INSERT INTO daily_usage (id, run_id, day, prompt_id, model_id, requested, engine, reason, outcome, batched, price_id, infrastructure_id, counterfactual_price_id, attempts, records, late_records, engine_records, input_tokens, cached_tokens, output_tokens, known_tokens, estimated, gpu_ns, cost_nano, upper_bound_nano, unknown_cost, counterfactual_input_tokens, counterfactual_cached_tokens, counterfactual_output_tokens, counterfactual_nano, unknown_counterfactual) VALUES
(2, uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', '2026-11-29', 1, 2, 'vllm', 'openai', 'low_confidence', 'ok', false, 1, NULL, 1, 1, 0, 0, 1, 80, 8, 6, 1, 0, 0, 15000, 0, 0, 80, 8, 6, 15000, 0),
(3, uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', '2026-11-29', 1, 1, 'vllm', 'vllm', '', 'ok', false, NULL, 1, 1, 7, 7, 0, 7, 560, 56, 7, 7, 0, 2843547762, 794614, 0, 0, 1099, 0, 7, 169050, 0),
(4, uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', '2026-11-29', 1, 1, 'vllm', 'reuse', 'identical', 'ok', false, NULL, 1, 1, 5, 5, 0, 5, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(5, uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', '2026-11-29', 1, 1, 'vllm', 'vllm', 'low_confidence', 'escalated', false, NULL, 1, 1, 1, 1, 0, 1, 80, 8, 1, 1, 0, 192518840, 53798, 0, 0, 0, 0, 0, 0, 0),
(7, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 2, 'vllm', 'openai', 'low_confidence', 'ok', false, 1, NULL, 1, 3, 0, 0, 2, 240, 24, 18, 3, 0, 0, 45000, 0, 0, 240, 24, 18, 45000, 0),
(8, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 2, 'vllm', 'openai', 'low_confidence', 'failed', false, 1, NULL, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(9, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 1, 'vllm', 'vllm', '', 'ok', false, NULL, 1, 1, 5, 5, 0, 5, 400, 40, 5, 5, 0, 374439597, 104635, 0, 0, 785, 0, 5, 120750, 0),
(10, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 1, 'vllm', 'reuse', 'identical', 'ok', false, NULL, 1, 1, 4, 4, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(11, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 1, 'vllm', 'vllm', 'low_confidence', 'escalated', false, NULL, 1, 1, 3, 3, 0, 3, 240, 24, 3, 3, 0, 299123443, 83588, 0, 0, 0, 0, 0, 0, 0),
(12, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 1, 'vllm', 'reuse', 'identical', 'escalated', false, NULL, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(13, uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '2026-11-29', 1, 2, 'vllm', 'reuse', 'identical', 'ok', false, NULL, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(15, uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', '2026-11-29', 1, 2, 'vllm', 'openai', 'low_confidence', 'ok', false, 1, NULL, 1, 2, 0, 0, 2, 160, 16, 12, 2, 0, 0, 30000, 0, 0, 160, 16, 12, 30000, 0),
(16, uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', '2026-11-29', 1, 1, 'vllm', 'vllm', '', 'ok', false, NULL, 1, 1, 4, 4, 0, 4, 320, 32, 4, 4, 0, 357841097, 99997, 0, 0, 628, 0, 4, 96600, 0),
(17, uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', '2026-11-29', 1, 1, 'vllm', 'reuse', 'identical', 'ok', false, NULL, 1, 1, 3, 3, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(18, uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', '2026-11-29', 1, 1, 'vllm', 'vllm', 'low_confidence', 'escalated', false, NULL, 1, 1, 2, 2, 0, 2, 160, 16, 2, 2, 0, 197627578, 55226, 0, 0, 0, 0, 0, 0, 0),
(19, uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', '2026-11-29', 1, 1, 'vllm', 'vllm', '', 'ok', false, NULL, 1, 1, 10, 10, 0, 10, 800, 80, 10, 10, 0, 273672640, 76476, 0, 0, 1570, 0, 10, 241500, 0),
(20, uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', '2026-11-29', 1, 1, 'vllm', 'reuse', 'identical', 'ok', false, NULL, 1, 1, 3, 3, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
(21, uuid '01a227ed-0347-756a-a92f-8575d506751b', '2026-11-29', 1, 1, 'vllm', 'vllm', 'low_confidence', 'escalated', false, NULL, 1, 1, 3, 3, 0, 3, 240, 24, 3, 3, 0, 142220253, 39742, 0, 0, 0, 0, 0, 0, 0),
(22, uuid '01a227ed-0347-756a-a92f-8575d506751b', '2026-11-29', 1, 1, 'vllm', 'vllm', '', 'ok', false, NULL, 1, 1, 2, 2, 0, 2, 160, 16, 2, 2, 0, 40449451, 11304, 0, 0, 314, 0, 2, 48300, 0),
(23, uuid '01a227ed-0347-756a-a92f-8575d506751b', '2026-11-29', 1, 2, 'vllm', 'openai', 'low_confidence', 'pending', true, 2, NULL, 1, 3, 0, 0, 3, 0, 0, 0, 0, 3, 0, 278775, 278775, 0, 0, 0, 0, 0, 0);

INSERT INTO parts (id, version_id, run_id, file_name, records, first_ordinal, last_ordinal, registered_at) VALUES
(uuid '01a227ec-f64c-7213-9ede-66e8d99e2665', uuid '01a227ec-f18e-72b2-bf99-3b03353bc72d', uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', '01a227ec-f64c-7213-9ede-66e8d99e2665.parquet', 14, 0, 13, '2026-11-29 15:29:30.821540'),
(uuid '01a227ec-fbdf-7480-9f91-8e4fcb6ad219', uuid '01a227ec-f9b0-7045-b854-4981437d0d6d', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', '01a227ec-fbdf-7480-9f91-8e4fcb6ad219.parquet', 14, 0, 13, '2026-11-29 15:29:32.134744'),
(uuid '01a227ec-ff6d-73a2-a91d-ef54f2929c4d', uuid '01a227ec-fe00-71ed-8e7f-e23f7f733f3f', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', '01a227ec-ff6d-73a2-a91d-ef54f2929c4d.parquet', 18, 0, 17, '2026-11-29 15:29:33.055668'),
(uuid '01a227ed-0200-700c-ab05-d0a51bb7da91', uuid '01a227ed-013c-74dc-8a82-2c81834e3e62', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', '01a227ed-0200-700c-ab05-d0a51bb7da91.parquet', 18, 0, 17, '2026-11-29 15:29:33.711902'),
(uuid '01a227ed-0391-7789-b90a-796b702722c7', uuid '01a227ed-02e7-76a9-a32a-bf5a997f1c5f', uuid '01a227ed-0347-756a-a92f-8575d506751b', '01a227ed-0391-7789-b90a-796b702722c7.parquet', 2, 0, 4, '2026-11-29 15:29:34.137448');

INSERT INTO quarantined_counts (run_id, reason, count) VALUES
(uuid '01a227ec-f43a-70e3-8af5-f965ed2ac425', 'missing_text', 1),
(uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'missing_text', 1),
(uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'missing_text', 2),
(uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'undecodable', 2),
(uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'wrong_type', 1),
(uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'missing_text', 2),
(uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'undecodable', 2),
(uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'wrong_type', 1);

INSERT INTO waiting_counts (run_id, reason, count) VALUES
(uuid '01a227ed-0347-756a-a92f-8575d506751b', 'batch', 3);

INSERT INTO ledger_lines (at, cost_nano, counterfactual_nano, gpu_ns, input_tokens, cached_tokens, output_tokens, counterfactual_input_tokens, counterfactual_output_tokens, attempt, prompt_id, model_id, price_id, infrastructure_id, counterfactual_price_id, estimated, id, run_id, requested, engine, outcome, request_hash, answer_hash, record_key, reason, reuses, batch_id, failure) VALUES
('2026-11-29 15:29:31.941452', 18285, 24150, 65433416, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fa5e225ec91', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'ok', bytea '\x69c44c5cda4a41b6dd945801c0b1ac1c', bytea '\xf04aabb2f0db4db2', 'r0', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:31.941063', 27877, 0, 99759911, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fa642f6c1b0', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'escalated', bytea '\xb6fcaadb9cb7451b4092ef3b89acae9d', bytea '\x5d24a821a6b18345', 'r1', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:31.791138', 12801, 0, 45808601, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fa70da11005', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'escalated', bytea '\x1c912e8d45e4dea9b2adc09cb6285e60', bytea '\x4b3baa009acf2a56', 'r1#2', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:31.791052', 14050, 24150, 50280232, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fa8231c4f5f', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'ok', bytea '\xfae5e118490bd4a92ca70177efd81ef9', bytea '\xf04aabb2f0db4db2', 'r1#3', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:31.787889', 20950, 24150, 74968843, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fa9ec6bd7b9', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'ok', bytea '\x78065a12e56ccc6fd6d7bdfd3786ba83', bytea '\x4b3baa009acf2a56', 'r5', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:31.790799', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8faaa359fd0e', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'ok', bytea '\x78065a12e56ccc6fd6d7bdfd3786ba83', bytea '\x4b3baa009acf2a56', 'r6', 'identical', uuid '01a227ec-fa8b-72b4-bde4-8fa9ec6bd7b9', NULL, NULL),
('2026-11-29 15:29:31.941602', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fab4511accc', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'ok', bytea '\x69c44c5cda4a41b6dd945801c0b1ac1c', bytea '\xf04aabb2f0db4db2', 'r7', 'identical', uuid '01a227ec-fa8b-72b4-bde4-8fa5e225ec91', NULL, NULL),
('2026-11-29 15:29:31.787638', 26487, 24150, 94784679, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fac3185110b', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'ok', bytea '\x9da5caf1dd9ea258351beb9fdee2342b', bytea '\x5d24a821a6b18345', 'r3', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:31.941267', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fad27dbc21c', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'escalated', bytea '\xb6fcaadb9cb7451b4092ef3b89acae9d', bytea '\x5d24a821a6b18345', 'r9', 'identical', uuid '01a227ec-fa8b-72b4-bde4-8fa642f6c1b0', NULL, NULL),
('2026-11-29 15:29:31.790953', 24863, 24150, 88972427, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fae1a10eb7d', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r10', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:31.941669', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fafc24eadd3', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'ok', bytea '\x69c44c5cda4a41b6dd945801c0b1ac1c', bytea '\xf04aabb2f0db4db2', 'r11', 'identical', uuid '01a227ec-fa8b-72b4-bde4-8fa5e225ec91', NULL, NULL),
('2026-11-29 15:29:31.941745', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fb08316504d', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'ok', bytea '\x69c44c5cda4a41b6dd945801c0b1ac1c', bytea '\xf04aabb2f0db4db2', 'r12', 'identical', uuid '01a227ec-fa8b-72b4-bde4-8fa5e225ec91', NULL, NULL),
('2026-11-29 15:29:31.940641', 42910, 0, 153554931, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fa8b-72b4-bde4-8fb1bdcc1d36', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'vllm', 'escalated', bytea '\x608e93345a4119a1eea9e2ce7285218a', bytea '\xf04aabb2f0db4db2', 'r13', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:31.944273', 15000, 15000, 0, 80, 8, 6, 80, 6, 2, 1, 2, 1, NULL, 1, false, uuid '01a227ec-fb24-71a5-916f-3f1401a0ed0e', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'openai', 'ok', bytea '\xd23b10db35f17a895485a3aac552a04a', bytea '\x4b3baa009acf2a56', 'r1#2', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:31.944361', 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, NULL, 1, false, uuid '01a227ec-fb24-71a5-916f-3f15b753a317', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'openai', 'failed', bytea '\x2dedccfa623bd8a96165e5ce2fa7f95e', NULL, 'r13', 'low_confidence', NULL, NULL, 'http_503'),
('2026-11-29 15:29:31.944655', 15000, 15000, 0, 80, 8, 6, 80, 6, 2, 1, 2, 1, NULL, 1, false, uuid '01a227ec-fb25-71a3-a742-f6711749ed90', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'openai', 'ok', bytea '\xcdc506bb2251a1eca77d048b9ac1e337', bytea '\x5d24a821a6b18345', 'r1', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:32.032392', 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, NULL, 1, 1, false, uuid '01a227ec-fb25-71a3-a742-f672328310ff', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'reuse', 'ok', bytea '\xcdc506bb2251a1eca77d048b9ac1e337', bytea '\x5d24a821a6b18345', 'r9', 'identical', uuid '01a227ec-fb25-71a3-a742-f6711749ed90', NULL, NULL),
('2026-11-29 15:29:32.104292', 15000, 15000, 0, 80, 8, 6, 80, 6, 3, 1, 2, 1, NULL, 1, false, uuid '01a227ec-fbc8-72e9-889a-75839337b037', uuid '01a227ec-fa4b-7146-b4ef-4e4478f364c7', 'vllm', 'openai', 'ok', bytea '\x2dedccfa623bd8a96165e5ce2fa7f95e', bytea '\xf04aabb2f0db4db2', 'r13', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:32.821374', 27808, 24150, 99512163, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22f9f2c5db88', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'ok', bytea '\x6d5b694551fca21692ac3837b57d1109', bytea '\x4b3baa009acf2a56', 'r1#3', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:32.821441', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22fabc68718c', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'reuse', 'ok', bytea '\x6d5b694551fca21692ac3837b57d1109', bytea '\x4b3baa009acf2a56', 'r6', 'identical', uuid '01a227ec-fe94-735f-b090-22f9f2c5db88', NULL, NULL),
('2026-11-29 15:29:32.821745', 22897, 24150, 81936418, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22fbc04f8354', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'ok', bytea '\xfae5e118490bd4a92ca70177efd81ef9', bytea '\xf04aabb2f0db4db2', 'r0#2', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:32.821520', 15945, 24150, 57058377, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22fcc9a584b0', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r8', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:32.821071', 33347, 24150, 119334139, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22fd4cadd85b', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'ok', bytea '\xc3fc5cd77c6f29bfcf7911562cee3919', bytea '\x5d24a821a6b18345', 'r9', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:32.960623', 38613, 0, 138175942, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22fe2520d27b', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'escalated', bytea '\x1f3d14fb1e3b3be64b849f1ab8df771b', bytea '\x4b3baa009acf2a56', 'r10', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:32.821608', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-22ff7bce1e77', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'reuse', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r11', 'identical', uuid '01a227ec-fe94-735f-b090-22fcc9a584b0', NULL, NULL),
('2026-11-29 15:29:32.821639', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-2300a7005d72', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'reuse', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r12', 'identical', uuid '01a227ec-fe94-735f-b090-22fcc9a584b0', NULL, NULL),
('2026-11-29 15:29:32.821837', 16613, 0, 59451636, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ec-fe94-735f-b090-23019a5ad9d9', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'vllm', 'escalated', bytea '\x44b57c50dea4632215b4bcbb4c7aa921', bytea '\x5d24a821a6b18345', 'r14', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:32.961028', 15000, 15000, 0, 80, 8, 6, 80, 6, 2, 1, 2, 1, NULL, 1, false, uuid '01a227ec-ff20-7590-8c84-f02ca0baaa8f', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'openai', 'ok', bytea '\xd1d533ee9408cb6c4c28dca6efda2ff4', bytea '\x5d24a821a6b18345', 'r14', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:32.974449', 15000, 15000, 0, 80, 8, 6, 80, 6, 2, 1, 2, 1, NULL, 1, false, uuid '01a227ec-ff2c-77a6-b4c1-7e3408b355a4', uuid '01a227ec-fe60-7678-bd93-5d25e2b37dbe', 'vllm', 'openai', 'ok', bytea '\xf131698c5536caeb26a2c13e45ce153a', bytea '\x4b3baa009acf2a56', 'r10', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:33.693655', 6149, 24150, 22005387, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb933fd44ba5', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x69c44c5cda4a41b6dd945801c0b1ac1c', bytea '\xf04aabb2f0db4db2', 'r0', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693583', 5788, 24150, 20713750, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb946ecf9a16', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\xb6fcaadb9cb7451b4092ef3b89acae9d', bytea '\x5d24a821a6b18345', 'r1', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693378', 5620, 24150, 20110211, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb95e149f65a', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x1c912e8d45e4dea9b2adc09cb6285e60', bytea '\x4b3baa009acf2a56', 'r1#2', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.692956', 10319, 24150, 36926855, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb96d9d193ec', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x6d5b694551fca21692ac3837b57d1109', bytea '\x4b3baa009acf2a56', 'r1#3', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693094', 7502, 24150, 26845324, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb97ceff56a7', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x78065a12e56ccc6fd6d7bdfd3786ba83', bytea '\x4b3baa009acf2a56', 'r5', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693014', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb988465d800', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'reuse', 'ok', bytea '\x6d5b694551fca21692ac3837b57d1109', bytea '\x4b3baa009acf2a56', 'r6', 'identical', uuid '01a227ed-01fc-71b5-8219-eb96d9d193ec', NULL, NULL),
('2026-11-29 15:29:33.693310', 6099, 24150, 21825699, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb99aec5bc8b', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\xfae5e118490bd4a92ca70177efd81ef9', bytea '\xf04aabb2f0db4db2', 'r0#2', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693170', 6226, 24150, 22281260, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9ad1d088b5', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r8', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.692732', 16462, 24150, 58911102, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9b49e68015', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\xc3fc5cd77c6f29bfcf7911562cee3919', bytea '\x5d24a821a6b18345', 'r9', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693516', 5928, 24150, 21211590, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9cdfa38fb9', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x1f3d14fb1e3b3be64b849f1ab8df771b', bytea '\x4b3baa009acf2a56', 'r10', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:33.693209', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9d4bf54a76', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'reuse', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r11', 'identical', uuid '01a227ed-01fc-71b5-8219-eb9ad1d088b5', NULL, NULL),
('2026-11-29 15:29:33.693241', 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9e976767d6', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'reuse', 'ok', bytea '\x3537864d058ebb0b61bf3c3d1e92f25b', bytea '\x5d24a821a6b18345', 'r12', 'identical', uuid '01a227ed-01fc-71b5-8219-eb9ad1d088b5', NULL, NULL),
('2026-11-29 15:29:33.693448', 6383, 24150, 22841462, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-01fc-71b5-8219-eb9f5d1da16f', uuid '01a227ed-01aa-70f8-92ae-577a37e74a88', 'vllm', 'vllm', 'ok', bytea '\x44b57c50dea4632215b4bcbb4c7aa921', bytea '\x5d24a821a6b18345', 'r14', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:34.096921', 11549, 0, 41328152, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-0390-7161-9074-904a0ad222ab', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'vllm', 'escalated', bytea '\x7278c61bd666486bfa85bd71a0b16bfb', bytea '\xf04aabb2f0db4db2', 'r0', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:34.096813', 7928, 0, 28371616, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-0390-7161-9074-904b00b134ca', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'vllm', 'escalated', bytea '\xfe6833236c6a920e2b4d6374d022c863', bytea '\x4b3baa009acf2a56', 'r1', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:34.096639', 20265, 0, 72520485, 80, 8, 1, 0, 0, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-0390-7161-9074-904ceb6c8f98', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'vllm', 'escalated', bytea '\x44cc41f5ba4e5456198ae28b05e2ad50', bytea '\x5d24a821a6b18345', 'r2', 'low_confidence', NULL, NULL, NULL),
('2026-11-29 15:29:34.097069', 5166, 24150, 18485989, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-0390-7161-9074-904db09fd37f', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'vllm', 'ok', bytea '\x942c38014c5a78f46dafb8253cfc6054', bytea '\xf04aabb2f0db4db2', 'r3', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:34.096988', 6138, 24150, 21963462, 80, 8, 1, 157, 1, 1, 1, 1, NULL, 1, 1, false, uuid '01a227ed-0390-7161-9074-904e6e3589de', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'vllm', 'ok', bytea '\xca8ef3a280686c697ed95fa77eddbae0', bytea '\x5d24a821a6b18345', 'r4', NULL, NULL, NULL, NULL),
('2026-11-29 15:29:34.202086', 92925, 0, 0, NULL, NULL, NULL, 0, 0, 2, 1, 2, 2, NULL, 1, true, uuid '01a227ed-03f9-70fb-98bb-8c4a90e05953', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'openai', 'pending', bytea '\x8d363ec34ced84e7443a8c2e3c3240c8', NULL, 'r0', 'low_confidence', NULL, uuid '01a227ed-03fa-74c2-bd34-4c00dd73594a', NULL),
('2026-11-29 15:29:34.202586', 92925, 0, 0, NULL, NULL, NULL, 0, 0, 2, 1, 2, 2, NULL, 1, true, uuid '01a227ed-03fa-74c2-bd34-4c01b73fb89b', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'openai', 'pending', bytea '\x535153a7b2c3eee7548bab4e4570e9d1', NULL, 'r1', 'low_confidence', NULL, uuid '01a227ed-03fa-74c2-bd34-4c00dd73594a', NULL),
('2026-11-29 15:29:34.202705', 92925, 0, 0, NULL, NULL, NULL, 0, 0, 2, 1, 2, 2, NULL, 1, true, uuid '01a227ed-03fa-74c2-bd34-4c02185173a4', uuid '01a227ed-0347-756a-a92f-8575d506751b', 'vllm', 'openai', 'pending', bytea '\x4915d230b07df083636a0278cc6bed66', NULL, 'r2', 'low_confidence', NULL, uuid '01a227ed-03fa-74c2-bd34-4c00dd73594a', NULL);
