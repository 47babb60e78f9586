from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0003_champion_and_answers'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='lapse',
            name='lapse_closed_at_and_by_together',
        ),
        migrations.AddConstraint(
            model_name='lapse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('closed_by__isnull', True)), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False)), models.Q(('closed_at__isnull', False), ('outcome__in', ['restricted', 'suspended'])), _connector='OR'), name='lapse_closed_by_somebody_or_gone'),
        ),
    ]
