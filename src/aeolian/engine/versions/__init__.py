"""What has versions: repos, branches, commits, the files in them, pipelines; and what a change sets off."""
