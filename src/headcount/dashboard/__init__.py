"""Dashboard: HTML pages made from the tables of the store. They compute nothing that the tables do not answer."""
