"""What a person does with one workload: making its file, looking at its prompt, trying it, comparing it with what is published."""
