"""What is claimed: versions, release data, the catalogue of claims and the checks that decide them.

The room reads four places of a project folder and nothing else: ``releases/*.toml`` (one file a
release, its notes mapped to claims), ``releases/claims.toml`` (the catalogue),
``releases/every-release.toml`` (what is asked of every release) and ``suites/`` (which test
function decides which claim). :func:`triton_claims.notes.knowledge.load_knowledge` reads them all
and refuses data that contradict each other.
"""
