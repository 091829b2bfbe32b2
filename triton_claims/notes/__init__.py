"""What is claimed: versions, release data, the catalogue of claims and the checks that decide them.

The room reads three places of a project folder and nothing else: ``releases/*.toml`` (one file a
release, its notes mapped to claims), ``releases/claims.toml`` (the catalogue) and ``suites/``
(which test function decides which claim). :func:`triton_claims.notes.knowledge.load_knowledge`
reads all three and refuses data that contradict each other.
"""
