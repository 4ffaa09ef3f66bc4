"""From what went wrong to where a person would mend it: in the recipe's code, or an argument."""
