"""CSV read as it is written: every value a string, no value taken for the name of its row."""

import io
import warnings

import pandas as pd


def read_strings(content: str, separator: str = ",", *, header: bool = True) -> pd.DataFrame:
    """Read the text of a CSV file.

    Parameters
    ----------
    content : str
        The whole file.
    separator : str, default ","
        What stands between two values.
    header : bool, default True
        Whether the first line names the columns; they are numbered otherwise.

    Returns
    -------
    DataFrame
        Strings; an empty value is the empty string.

    Raises
    ------
    pandas.errors.EmptyDataError
        If nothing is there to read.
    pandas.errors.ParserError
        If it is not CSV, or if a row has more values than the first line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(
                io.StringIO(content),
                sep=separator,
                dtype=str,
                keep_default_na=False,
                header=0 if header else None,
                index_col=False,  # else the first of too many values are moved to an index
            )
    except pd.errors.ParserWarning as error:
        raise pd.errors.ParserError("rows have more values than the header") from error
    return frame
