"""The platform on Kubernetes: a pachd, spoken to by pachyderm-sdk. What it answers becomes `platform`'s records."""
