"""Operations on reduced datasets."""
