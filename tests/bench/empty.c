/* Links what the programs link and does nothing: what start-up alone costs. */
int main(void)
{
    return 0;
}
