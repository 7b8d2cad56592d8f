"""Text cleaning, the TF-IDF pipeline and the portable scorer.

Training needs the ``training`` extra (scikit-learn, pandas, pydantic); scoring needs numpy alone.
"""
